import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeTuning, encodeTuning, version } from '../../src/tune/record.js';
import { stripes } from '../train/smallTraining.js';
import { adapter, type Installed, installCommand, objects, writeIdxFolder } from './icnet.js';

let icnet: Installed;
let cache: string;
const cacheBefore = process.env.XDG_CACHE_HOME;
beforeAll(async () => {
  icnet = await installCommand();
  cache = await mkdtemp(join(tmpdir(), 'icnet-cache-'));
  process.env.XDG_CACHE_HOME = cache;
});
afterAll(async () => {
  if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cacheBefore;
  await icnet.remove();
  await rm(cache, { recursive: true, force: true });
});

const fine = { code: 0, signal: null };
const small = ['--network', 'ic-resnet8', '--width', '4', '--input', '3x3x1', '--batch', '2', '--adapter', adapter];

describe('icnet train --tune-background', () => {
  const training = ['train', '--network', 'ic-resnet8', '--width', '4', '--data', 'stripes', '--batch', '8'];

  it('trains at once, measures beside it, and ends with the training', async () => {
    await writeIdxFolder(join(icnet.folder, 'stripes'), stripes(32), stripes(21));
    const flags = ['--steps', '40', '--adapter', adapter, '--tune-background', '--json'];
    const ended = await icnet.run([...training, ...flags]);
    expect(ended).toMatchObject(fine);
    expect(ended.stderr).toMatch(/^Measured meanwhile: \d+ operations, of which \d+ took another form$/m);
    const events = objects(ended.stdout);
    expect(events.filter(({ event }) => event === 'step')).toHaveLength(40);
    for (const swap of events.filter(({ event }) => event === 'swap')) {
      expect(swap).toMatchObject({ network: 'ic-resnet8', key: expect.any(String), to: { tile: expect.any(Object) } });
    }
  });

  it('is one of two ways to measure', async () => {
    const refused = await icnet.run([...training, '--tune', '--tune-background']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain("option '--tune-background' cannot be used with option '--tune'");
  });
});

describe('icnet tune', () => {
  it('measures, remembers, exports, and measures nothing the second time', async () => {
    const first = await icnet.run(['tune', ...small, '--json', '--export', 'tuning.json']);
    expect(first).toMatchObject(fine);
    const lines = objects(first.stdout);
    const rows = lines.filter(({ event }) => event === 'tuned');
    expect(rows.length).toBeGreaterThan(3);
    for (const row of rows) {
      expect(row).toMatchObject({ key: expect.any(String), operation: expect.any(String) });
      expect(row.form).toMatchObject({ family: expect.any(String), tile: expect.any(Object) });
    }
    const done = lines.find(({ event }) => event === 'done')!;
    expect(done).toMatchObject({ network: 'ic-resnet8', batch: 2, training: false });
    expect(done.measured).toBeGreaterThan(0);
    expect(done.heuristicRatio).toBeGreaterThanOrEqual(1);
    expect(await readdir(join(cache, 'ic-networks', 'tuning'))).toHaveLength(1);
    const exported = decodeTuning(await readFile(join(icnet.folder, 'tuning.json'), 'utf8'), 'tuning.json');
    expect(exported).toMatchObject({ version });
    expect(exported.results.size).toBe(done.measured);

    const second = await icnet.run(['tune', ...small]);
    expect(second).toMatchObject({ ...fine, stderr: '' });
    expect(second.stdout).not.toContain('Measuring');
    expect(second.stdout).toMatch(/^Operation +Shape +By cost +ms +By measurement +ms +Speed-up$/m);
    expect(second.stdout).toMatch(/^conv2d constant +2x3x3x1 to 4 k3x3 .+ x$/m);
    expect(second.stdout).toMatch(/^By cost: \d\.\d\d times as long, in the mean of \d+ operations$/m);
  });

  it('imports what was exported, and refuses anything else in a line', async () => {
    const text = encodeTuning({ adapter: 'another', version, results: new Map() });
    await writeFile(join(icnet.folder, 'other.json'), text);
    const imported = await icnet.run(['tune', '--import', 'other.json', '--adapter', adapter]);
    expect(imported).toMatchObject({ ...fine, stderr: '' });
    expect(imported.stdout).toContain('Imported: 0 operations for another adapter, another');

    await writeFile(join(icnet.folder, 'junk.json'), '{"format":"junk"}');
    const refused = await icnet.run(['tune', '--import', 'junk.json', '--adapter', adapter, '--json']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^icnet: tuning: junk\.json: format: .+\n$/m);
  });

  it('wants something to do', async () => {
    const refused = await icnet.run(['tune']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^icnet: tune: options: expected at least one of --network, .+\n$/);
  });
});
