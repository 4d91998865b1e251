import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subgroupsOf } from '../../src/device/device.js';
import type { Pair } from '../../src/graph/network.js';
import type { Family } from '../../src/ops/forms.js';
import { loadGolden, nchwToNhwc, oihwToHwio } from '../golden/load.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { propertySeed } from '../support/propertySeed.js';
import {
  awayFromKink,
  type ConvolutionCase,
  type ConvolutionValues,
  expectConvolution,
  expectedValues,
  randomCase,
  type ValueName,
  valueNames,
} from './convolutionCase.js';
import { convolutionShapes } from './convolutionShapes.js';

type Shape4 = [number, number, number, number];

interface GoldenConvolution {
  readonly ic: boolean;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly bias: boolean;
  readonly x: Shape4;
  readonly w: Shape4;
}

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** Worst error as a share of its bound, a line of the table for each group of tests and a column for each value. */
const worstShares = new Map<string, Map<ValueName, number>>();

function note(line: string, shares: ReadonlyMap<ValueName, number>): void {
  const worst = worstShares.get(line) ?? new Map<ValueName, number>();
  for (const [name, share] of shares) worst.set(name, Math.max(share, worst.get(name) ?? 0));
  worstShares.set(line, worst);
}

afterAll(() => {
  const cell = (share: number | undefined) => (share === undefined ? '-' : share.toFixed(3)).padStart(8);
  const lines = [...worstShares]
    .sort()
    .map(([line, shares]) => [line.padEnd(28), ...valueNames.map((name) => cell(shares.get(name)))].join(''));
  const head = ['worst error / bound'.padEnd(28), ...valueNames.map((name) => name.padStart(8))].join('');
  process.stdout.write(`${[head, ...lines].join('\n')}\n`);
});

describe('golden convolutions', () => {
  const golden = loadGolden('conv');
  const cases = golden.metadata.cases as GoldenConvolution[];

  function load(index: number): { one: ConvolutionCase; expected: ConvolutionValues<ArrayLike<number>> } {
    const { ic, bias, stride, padding, dilation, groups, x, w } = cases[index]!;
    const value = (name: string) => golden.tensor(`${index}.${name}`);
    const images = (name: string) => nchwToNhwc(value(name).data, value(name).shape as Shape4);
    const both = (size: number): Pair => [size, size];
    const shape = {
      batch: x[0],
      inHeight: x[2],
      inWidth: x[3],
      inChannels: x[1],
      outChannels: w[0],
      kernel: [w[2], w[3]] as const,
      stride: both(stride),
      padding: both(padding),
      dilation: both(dilation),
      groups,
    };
    const one = {
      shape,
      mode: ic ? ('output' as const) : ('none' as const),
      input: images('x'),
      filter: oihwToHwio(value('w').data, w),
      bias: bias ? value('b').data : undefined,
      adjust: ic ? value('a').data : undefined,
      gradient: images('dy'),
    };
    const expected = {
      y: images('y'),
      dx: images('dx'),
      dw: oihwToHwio(value('dw').data, w),
      db: bias ? value('db').data : undefined,
      da: ic ? value('da').data : undefined,
    };
    return { one, expected };
  }

  it('are all there', () => {
    expect(cases).toHaveLength(23);
  });

  describe.each<Family | undefined>(['naive', undefined])('family %s', (family) => {
    it.each(cases.map((one, index) => [index, one] as const))('case %i: %o', async (index) => {
      const { one, expected } = load(index);
      const { smooth, zeroed } = awayFromKink(one);
      // Where a gradient of the file was made with a value at the kink, the float64 twin, held to the same file, decides.
      const values = zeroed === 0 ? expected : { ...expectedValues(smooth), y: expected.y };
      expect(zeroed).toBeLessThan(one.gradient.length / 100);
      const shares = await expectConvolution(device, smooth, `golden ${index}`, { family, expected: values });
      note(`golden, ${family ?? 'automatic'}`, shares);
    });
  });
});

describe('random convolutions, forward and backward, agree with float64', () => {
  const firstSeed = propertySeed;

  // A device keeps its pipelines, and llvmpipe gets many times slower with some thousand of them: each part has its own.
  it.each([0, 1, 2, 3])('part %i', async (part) => {
    await closeTestDevice();
    ({ device } = await testDevice());
    process.stdout.write(`random convolutions: seed ${firstSeed + part}\n`);
    const hasSubgroups = subgroupsOf(device) !== undefined;
    await fc.assert(
      fc.asyncProperty(convolutionShapes, async ({ shape, mode, bias, family, seed }) => {
        const { smooth } = awayFromKink(randomCase(shape, mode, bias, seed));
        const possible = hasSubgroups ? family : undefined;
        const shares = await expectConvolution(device, smooth, 'random', { family: possible });
        note(`random, ${possible ?? 'automatic'}, ${mode}`, shares);
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
  note('more than a row of the grid', await expectConvolution(device, smooth, 'long', {}));
});
