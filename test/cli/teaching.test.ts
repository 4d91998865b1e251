import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { stripes } from '../train/smallTraining.js';
import { adapter, type Ended, type Installed, installCommand, objects, writeIdxFolder } from './icnet.js';

let icnet: Installed;
beforeAll(async () => {
  icnet = await installCommand();
  await writeIdxFolder(join(icnet.folder, 'stripes'), stripes(32), stripes(21));
  await linkSharp(icnet.folder);
  const trained = await icnet.run(['train', '--network', 'resnet8', ...network, ...size, '--output', 'plain']);
  expect(trained).toMatchObject(fine);
}, 300_000);
afterAll(() => icnet.remove());

const size = ['--steps', '6', '--data', 'stripes', '--batch', '8', '--adapter', adapter, '--json'];
const network = ['--width', '4'];
const fine = { code: 0, signal: null };
const plain = join('plain', 'checkpoint.safetensors');
const eventsOf = ({ stdout }: Ended, event: string) => objects(stdout).filter((object) => object.event === event);
const checkpoint = async (...path: string[]) => decodeCheckpoint(await readFile(join(icnet.folder, ...path)));

async function linkSharp(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true });
  const link = join(folder, 'node_modules', 'sharp');
  await symlink(resolve('node_modules/sharp'), link, 'dir').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

describe('icnet distill', () => {
  it('trains a student with its teacher for as long as asked, and remembers its logits', async () => {
    const common = ['distill', '--teacher', plain, '--student', 'ic-resnet8', ...network, ...size, '--until', '0.5'];
    const taught = await icnet.run([...common, '--output', 'taught']);
    expect(taught).toMatchObject(fine);
    const steps = eventsOf(taught, 'step');
    expect(steps.map(({ distillation }) => distillation !== undefined)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(steps[0]!.distillation).toMatchObject({ weight: 1, distance: expect.any(Number) });
    expect(taught.stderr).toMatch(/Taught by resnet8 for 3 steps, \d+ dispatches more each/);
    const student = await checkpoint('taught', 'checkpoint.safetensors');
    expect(student.network.name).toBe('ic-resnet8');
    expect(student.training).toMatchObject({ step: 6, distillation: 'kl' });
    expect(student.normalisation).toEqual((await checkpoint(plain)).normalisation);

    const cached = await icnet.run([...common, '--cache', '--output', 'cached']);
    expect(eventsOf(cached, 'step')).toEqual(steps);
    const other = await icnet.run([
      ...common,
      '--loss',
      'mse',
      '--weight',
      '0.1',
      '--inherit',
      '--output',
      'inherited',
    ]);
    expect(other).toMatchObject(fine);
    expect(eventsOf(other, 'step')[0]!.loss).not.toBe(steps[0]!.loss);
  });

  it('refuses a teacher of other images, and a cache of augmented ones', async () => {
    const flags = ['distill', '--teacher', plain, ...network, ...size, '--output', 'refused'];
    const augmented = await icnet.run([...flags, '--cache', '--flip']);
    expect(augmented).toMatchObject({ code: 1, stdout: '' });
    expect(augmented.stderr).toMatch(/^icnet: distillation: cache: expected batches without augmentation/m);
    await writeIdxFolder(join(icnet.folder, 'tall'), stripes(16, { height: 9 }), stripes(8, { height: 9 }));
    const tall = await icnet.run([...flags, '--data', 'tall']);
    expect(tall).toMatchObject({ code: 1, stdout: '' });
    expect(tall.stderr).toMatch(/^icnet: distillation: teacher: expected images of 9 x 8 x 1/m);
  });
});

describe('icnet upgrade', () => {
  it('makes a plain checkpoint an IC checkpoint beside it and says what that does', async () => {
    const ended = await icnet.run(['upgrade', plain, ...size]);
    expect(ended).toMatchObject(fine);
    const [done] = eventsOf(ended, 'done');
    const file = join('plain', 'checkpoint-ic.safetensors');
    expect(done).toMatchObject({ steps: 6, checkpoint: file });
    const { accuracy } = done as { accuracy: Record<string, number> };
    for (const name of ['plain', 'before', 'after'])
      expect(accuracy[name]! * 21).toBeCloseTo(Math.round(accuracy[name]! * 21), 9);
    expect(ended.stderr).toMatch(/resnet8, as it was +\d+\.\d\d % /);
    expect(ended.stderr).toMatch(/ic-resnet8, behind 6 steps +\d+\.\d\d % /);
    const upgraded = await checkpoint(file);
    expect(upgraded.network.name).toBe('ic-resnet8');
    expect([...upgraded.values.keys()]).toContain('layer1.0.conv1.adjust');

    const again = await icnet.run(['upgrade', file, ...size]);
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toMatch(/^icnet: upgrade: ic-resnet8: .* got IC units already$/m);
  });
});

describe('icnet inspect', () => {
  const flags = ['--data', 'stripes', '--adapter', adapter];
  const ic = join('taught', 'checkpoint.safetensors');

  it('tells of every layer how often it fires and how adjust is spread, and draws maps', async () => {
    const ended = await icnet.run(['inspect', ic, ...flags, '--index', '7', '--output', 'maps', '--json']);
    expect(ended, ended.stderr).toMatchObject(fine);
    const layers = eventsOf(ended, 'layer');
    expect(layers).toHaveLength(6);
    for (const { share, filterShares, filters, adjust } of layers) {
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
      expect(filterShares).toHaveLength(Number(filters));
      expect(adjust).toMatchObject({ values: expect.any(Array), quantiles: expect.any(Array) });
    }
    const files = await readdir(join(icnet.folder, 'maps'));
    expect(files.sort()[0]).toBe('01-layer1.0.conv1.png');
    expect(files).toHaveLength(6);
    const first = sharp(join(icnet.folder, 'maps', files[0]!));
    expect(await first.metadata()).toMatchObject({ format: 'png', width: 224, height: 224 });

    const readable = await icnet.run(['inspect', ic, ...flags, '--output', 'maps']);
    expect(readable.stdout).toMatch(/^layer1\.0\.conv1 +8 x 8 x 4 +\d+\.\d\d % /m);
    expect(readable.stdout).toMatch(/#{5}/);
  });

  it('tells of offsets, which the flag adds', async () => {
    const upgraded = await icnet.run(['upgrade', plain, ...size, '--offset', '--output', 'offsets']);
    expect(upgraded, upgraded.stderr).toMatchObject(fine);
    const file = join('offsets', 'checkpoint.safetensors');
    const learned = (await checkpoint(file)).values.get('layer1.0.conv1.offset')!;
    expect(learned.some((value) => value !== 0)).toBe(true);
    const ended = await icnet.run(['inspect', file, ...flags, '--output', 'maps', '--json']);
    expect(ended, ended.stderr).toMatchObject(fine);
    expect(eventsOf(ended, 'layer')[0]!.offset).toEqual([...learned]);
    const readable = await icnet.run(['inspect', file, ...flags, '--output', 'maps']);
    expect(readable.stdout).toMatch(/^Layer .* max +offset$/m);
    expect(readable.stdout).toMatch(/^layer1\.0\.conv1 .* -?\d\.\d{3} to -?\d\.\d{3}$/m);
  });

  it('takes a picture, and says that a plain network has nothing to show', async () => {
    const data = Buffer.from(stripes(1).images);
    const picture = await sharp(data, { raw: { width: 8, height: 8, channels: 1 } })
      .png()
      .toBuffer();
    await writeFile(join(icnet.folder, 'stripes.png'), picture);
    const fromFile = await icnet.run(['inspect', ic, 'stripes.png', ...flags, '--output', 'maps', '--json']);
    const fromData = await icnet.run(['inspect', ic, ...flags, '--index', '0', '--output', 'maps', '--json']);
    expect(fromFile).toMatchObject(fine);
    expect(eventsOf(fromFile, 'layer')).toEqual(eventsOf(fromData, 'layer'));
    const refused = await icnet.run(['inspect', plain, ...flags]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(/^icnet: inspect: resnet8: .* got plain ones alone$/m);
  });
});
