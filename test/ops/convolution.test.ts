import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { subgroupsOf } from '../../src/device/device.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { propertySeed } from '../support/propertySeed.js';
import { awayFromKink, expectConvolution, randomCase } from './convolutionCase.js';
import { convolutionShapes } from './convolutionShapes.js';
import { noteShares, printShares } from './convolutionShares.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);
afterAll(printShares);

describe('random convolutions, forward and backward, agree with float64', () => {
  const firstSeed = propertySeed;

  // A device keeps its pipelines, and llvmpipe gets many times slower with some thousand of them: each part has its own.
  it.each([0, 1, 2, 3])('part %i', async (part) => {
    await closeTestDevice();
    ({ device } = await testDevice());
    process.stdout.write(`random convolutions: seed ${firstSeed + part}\n`);
    const hasSubgroups = subgroupsOf(device) !== undefined;
    await fc.assert(
      fc.asyncProperty(convolutionShapes, async ({ shape, mode, bias, offset, family, seed }) => {
        const { smooth } = awayFromKink(randomCase(shape, mode, bias, seed, offset));
        const possible = hasSubgroups ? family : undefined;
        const shares = await expectConvolution(device, smooth, 'random', { family: possible });
        noteShares(`random, ${possible ?? 'automatic'}, ${mode}`, shares);
      }),
      { numRuns: 50, seed: firstSeed + part },
    );
  }, 900_000);
});

it('more workgroups than one row of the grid holds', async () => {
  // A stride keeps the pixels in rows of one each, which are a workgroup.
  const shape = {
    batch: 1,
    inHeight: 70_000,
    inWidth: 1,
    inChannels: 2,
    outChannels: 4,
    kernel: [1, 1],
    stride: [1, 2],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
  } as const;
  const { smooth } = awayFromKink(randomCase(shape, 'output', false, 21));
  noteShares('more than a row of the grid', await expectConvolution(device, smooth, 'long', {}));
});
