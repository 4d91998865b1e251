import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { pictureInput } from '../../src/io/picture.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { adapter, objects, writeIdxFolder } from '../cli/icnet.js';
import { networkForward } from '../reference/network.js';
import { consumer } from '../support/packed.js';
import { expectClose } from '../support/tolerance.js';
import { stripes } from '../train/smallTraining.js';

/* What a user has of the package in Deno: an example's program and the command line, with data sets, pictures and checkpoints by path. */

const run = promisify(execFile);
const { width, height, images, labels } = stripes(1);

/** The first of the stripes as a picture. */
async function writePicture(path: string): Promise<void> {
  const raw = { width, height, channels: 1 } as const;
  await sharp(images, { raw }).toColourspace('b-w').png().toFile(path);
}

it('runs in Deno', () => {
  expect(globalThis).toHaveProperty('Deno');
});

describe('docs/examples/deno, and icnet with what it leaves', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await consumer('deno', resolve(import.meta.dirname, '../../docs/examples/deno'), 'sharp');
    await writeIdxFolder(join(folder, 'stripes'), stripes(64), stripes(16));
    await writePicture(join(folder, 'picture.png'));
  });

  /** What `icnet` says with --json. */
  async function icnet(...words: string[]): Promise<Record<string, unknown>[]> {
    const command = ['run', '--allow-all', 'npm:ic-networks/icnet', ...words, '--json', '--adapter', adapter];
    return objects((await run(process.execPath, command, { cwd: folder })).stdout);
  }

  it('trains, and infers what float64 says', async () => {
    const words = ['run', '--allow-all', 'main.ts', 'stripes', 'picture.png', adapter];
    const { stdout } = await run(process.execPath, words, { cwd: folder });
    const result = JSON.parse(stdout) as { losses: number[]; logits: number[]; class: number };
    expect(result.losses).toHaveLength(40);
    expect(result.losses.at(-1)).toBeLessThan(result.losses[0]!);
    const { network, values, normalisation } = decodeCheckpoint(await readFile(join(folder, 'checkpoint.safetensors')));
    const picture = { width, height, data: images };
    const input = pictureInput(picture, { resize: height, crop: { height, width } }, normalisation!);
    const { logits } = networkForward(network, values, input, { training: false });
    const bound = logits.map((value) => 1e-4 * (1 + Math.abs(value)));
    expectClose(result.logits, logits, bound, 'logits');
    expect(result.class).toBe(labels[0]);
  });

  it('names the adapter', async () => {
    const [info] = await icnet('info');
    expect(JSON.stringify(info!.adapter)).toMatch(/"description":"./);
  });

  it('tests a checkpoint on a data set', async () => {
    const [tested] = await icnet('eval', 'checkpoint.safetensors', '--data', 'stripes');
    expect(tested).toMatchObject({ event: 'eval', images: 16, accuracy: expect.any(Number) });
    expect(tested!.accuracy).toBeGreaterThan(0.5);
  });

  it('names what is in a picture', async () => {
    const named = await icnet('predict', 'picture.png', '--weights', 'checkpoint.safetensors');
    expect(JSON.stringify(named)).toContain('picture.png');
  });
});
