import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { stripes } from '../train/smallTraining.js';
import { adapter, type Ended, type Installed, installCommand, objects, writeIdxFolder } from './icnet.js';

/* Commands in float16; on an adapter without it, each refuses it in a line. */
let icnet: Installed;
let half: boolean;
beforeAll(async () => {
  icnet = await installCommand();
  await writeIdxFolder(join(icnet.folder, 'stripes'), stripes(32), stripes(21));
  const { stdout } = await icnet.run(['info', '--adapter', adapter, '--json']);
  half = (objects(stdout)[0]!.features as string[]).includes('shader-f16');
});
afterAll(() => icnet.remove());

const data = ['--data', 'stripes', '--adapter', adapter, '--json'];
const train = ['train', '--network', 'ic-resnet8', '--width', '4', '--batch', '8', ...data];
const inHalf = ['--precision', 'float16'];
const fine = { code: 0, signal: null };

function expectRefused({ code, stdout, stderr }: Ended): void {
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^icnet: .*shader-f16/m);
}

it('trains, goes on exactly and looks at what it learned', async () => {
  const whole = await icnet.run([...train, ...inHalf, '--steps', '6', '--output', 'whole']);
  if (!half) {
    expectRefused(whole);
    return;
  }
  expect(whole).toMatchObject(fine);
  const steps = objects(whole.stdout).filter(({ event }) => event === 'step');
  expect(steps).toHaveLength(6);
  for (const step of steps) expect(step).toMatchObject({ lossScale: expect.any(Number), skipped: expect.any(Boolean) });
  const checkpoint = join('whole', 'checkpoint.safetensors');
  const { training } = decodeCheckpoint(await readFile(join(icnet.folder, checkpoint)));
  expect(training).toMatchObject({ step: 6, precision: 'float16', lossScale: expect.anything() });

  const resumed = await icnet.run([...train, ...inHalf, '--steps', '6', '--resume', checkpoint, '--output', 'again']);
  expect(resumed).toMatchObject(fine);
  const other = await icnet.run([...train, '--steps', '6', '--resume', checkpoint, '--output', 'again']);
  expect(other).toMatchObject({ code: 1, stdout: '' });
  expect(other.stderr).toMatch(/precision/);

  const { testAccuracy } = objects(whole.stdout).at(-1)!;
  const evaluated = await icnet.run(['eval', checkpoint, '--batch', '8', ...inHalf, ...data]);
  expect(objects(evaluated.stdout).at(-1)).toMatchObject({ event: 'done', testAccuracy });
  const inspected = await icnet.run(['inspect', checkpoint, ...inHalf, '--output', 'maps', ...data]);
  expect(inspected).toMatchObject(fine);
  expect(objects(inspected.stdout).at(-1)).toMatchObject({ event: 'done', logits: expect.any(Array) });
});

it('evaluates and inspects what was trained in float32', async () => {
  expect(await icnet.run([...train, '--steps', '2', '--output', 'single'])).toMatchObject(fine);
  const checkpoint = join('single', 'checkpoint.safetensors');
  for (const command of [
    ['eval', checkpoint, '--batch', '8'],
    ['inspect', checkpoint, '--output', 'maps'],
  ]) {
    const ended = await icnet.run([...command, ...inHalf, ...data]);
    if (half) expect(ended).toMatchObject(fine);
    else expectRefused(ended);
  }
});
