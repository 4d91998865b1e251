import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type PoolShape,
  planMaxPool,
  planMaxPoolGradient,
  planMeanPool,
  planMeanPoolGradient,
} from '../../src/ops/pool.js';
import {
  maxPoolBackwardReference,
  maxPoolReference,
  meanPoolBackwardReference,
  meanPoolReference,
  type PoolOperands,
} from '../reference/pooling.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

type Floats = Float32Array<ArrayBuffer>;

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

function operandsOf(shape: Required<PoolShape>, x: ArrayLike<number>): PoolOperands {
  const { batch, inHeight, inWidth, channels, kernel, stride, padding, ceilMode } = shape;
  return { x, shape: [batch, inHeight, inWidth, channels], kernel, stride, padding, ceilMode };
}

/** Places in the window, as the kernel counts them, from indices into the input. */
function placesInWindow(
  shape: Required<PoolShape>,
  winner: Int32Array,
  [, height, width]: readonly number[],
): number[] {
  const { inHeight, inWidth, channels, kernel, stride, padding } = shape;
  return Array.from(winner, (index, output) => {
    const pixel = Math.floor(index / channels);
    const outPixel = Math.floor(output / channels);
    const row = Math.floor(pixel / inWidth) % inHeight;
    const outRow = Math.floor(outPixel / width!) % height!;
    const r = row - outRow * stride[0] + padding[0];
    const s = (pixel % inWidth) - (outPixel % width!) * stride[1] + padding[1];
    return r * kernel[1] + s;
  });
}

async function expectMaxPool(shape: Required<PoolShape>, x: Floats): Promise<void> {
  const operands = operandsOf(shape, x);
  const { y, winner, outShape } = maxPoolReference(operands);
  const result = await runPlan(device, planMaxPool(shape, { storeWinners: true }), { input: x });
  expect([...result.floats('output')]).toEqual([...y]);
  const winners = result.integers('winners');
  expect([...winners]).toEqual(placesInWindow(shape, winner, outShape));
  const inference = await runPlan(device, planMaxPool(shape), { input: x });
  expect([...inference.floats('output')]).toEqual([...y]);

  const dy = randomArray(y.length, 81);
  const dx = maxPoolBackwardReference({ ...operands, dy });
  const windows = maxPoolBackwardReference({ ...operands, dy: dy.map(Math.abs) });
  await expectGradients(planMaxPoolGradient, shape, { gradient: dy, winners }, dx, windows);
}

async function expectMeanPool(shape: Required<PoolShape>, x: Floats): Promise<void> {
  for (const countPadding of [true, false]) await expectMean(shape, x, countPadding);
}

async function expectMean(shape: Required<PoolShape>, x: Floats, countPadding: boolean): Promise<void> {
  const operands = { ...operandsOf(shape, x), countPadding };
  const { y } = meanPoolReference(operands);
  const area = shape.kernel[0] * shape.kernel[1];
  const magnitude = meanPoolReference({ ...operands, x: x.map(Math.abs) }).y;
  const result = await runPlan(device, planMeanPool(shape, { countPadding }), { input: x });
  const bound = magnitude.map((value) => (area + 5) * EPSILON * value);
  expectClose(result.floats('output'), y, bound, 'mean pool');

  const dy = randomArray(y.length, 82);
  const dx = meanPoolBackwardReference({ ...operands, dy });
  const windows = meanPoolBackwardReference({ ...operands, dy: dy.map(Math.abs) });
  const plan: typeof planMeanPoolGradient = (of, options) => planMeanPoolGradient(of, { ...options, countPadding });
  await expectGradients(plan, shape, { gradient: dy }, dx, windows);
}

async function expectGradients(
  plan: typeof planMaxPoolGradient,
  shape: Required<PoolShape>,
  inputs: Parameters<typeof runPlan>[2],
  dx: Float64Array,
  magnitude: Float64Array,
): Promise<void> {
  const before = randomArray(dx.length, 83);
  const terms = shape.kernel[0] * shape.kernel[1] + 5;
  const bound = magnitude.map((value) => terms * EPSILON * value);
  const result = await runPlan(device, plan(shape), inputs);
  expectClose(result.floats('inputGradient'), dx, bound, 'pool gradient');
  const added = await runPlan(device, plan(shape, { accumulate: true }), { ...inputs, inputGradient: before });
  expectClose(
    added.floats('inputGradient'),
    dx.map((value, i) => value + before[i]!),
    bound.map((value, i) => value + 2 * EPSILON * (Math.abs(dx[i]!) + Math.abs(before[i]!))),
    'pool gradient, accumulated',
  );
}

/** Padding of either end short of the window, which is the most that leaves every window a pixel at any stride. */
const axis = fc
  .record({
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 5 }),
    before: fc.nat(3),
    after: fc.nat(3),
    extra: fc.nat(7),
  })
  .map(({ kernel, stride, extra, ...sides }) => {
    const [before, after] = [sides.before, sides.after].map((size) => Math.min(size, kernel - 1)) as [number, number];
    return { size: Math.max(1, kernel - before - after + extra), kernel, stride, before, after };
  });

const shapes: fc.Arbitrary<Required<PoolShape>> = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    channels: fc.integer({ min: 1, max: 9 }),
    down: axis,
    along: axis,
    ceilMode: fc.boolean(),
  })
  .map(({ batch, channels, down, along, ceilMode }) => ({
    batch,
    inHeight: down.size,
    inWidth: along.size,
    channels,
    kernel: [down.kernel, along.kernel],
    stride: [down.stride, along.stride],
    padding: [down.before, along.before, down.after, along.after],
    ceilMode,
  }));

it.each([
  ['max', expectMaxPool],
  ['mean', expectMeanPool],
] as const)('random windows: %s pooling, forward and backward', async (_, check) => {
  await fc.assert(
    fc.asyncProperty(shapes, fc.nat(1e6), async (shape, seed) => {
      const { batch, inHeight, inWidth, channels } = shape;
      // A few distinct values, so that there are ties.
      const x = randomArray(batch * inHeight * inWidth * channels, seed).map((value) => Math.round(value * 4) / 3);
      await check(shape, x);
    }),
    { numRuns: 40 },
  );
});

describe('max pooling', () => {
  const line = {
    batch: 1,
    inHeight: 1,
    channels: 1,
    kernel: [1, 3],
    stride: [1, 1],
    padding: [0, 1],
    ceilMode: false,
  } as const;

  it('takes the first of equal values and never the padding', async () => {
    const shape = { ...line, inWidth: 5 };
    await expectMaxPool(shape, Float32Array.of(-2, -1, -1, -3, -3));
    const result = await runPlan(device, planMaxPool(shape, { storeWinners: true }), {
      input: Float32Array.of(-2, -1, -1, -3, -3),
    });
    expect([...result.floats('output')]).toEqual([-1, -1, -1, -1, -3]);
    expect([...result.integers('winners')]).toEqual([2, 1, 0, 0, 0]);
  });

  it('takes NaN over every value, and minus infinity over nothing', async () => {
    await expectMaxPool({ ...line, inWidth: 6 }, Float32Array.of(1, Number.NaN, 3, 4, Number.NaN, Number.NaN));
    await expectMaxPool({ ...line, inWidth: 3 }, Float32Array.of(-Infinity, -Infinity, -Infinity));
  });
});

describe('mean pooling', () => {
  it('of the whole image', async () => {
    for (const [inHeight, inWidth, channels] of [
      [7, 7, 20],
      [1, 1, 3],
      [3, 5, 65],
    ] as const) {
      const kernel = [inHeight, inWidth] as const;
      const windows = { kernel, stride: [1, 1], padding: [0, 0], ceilMode: false } as const;
      const shape = { batch: 2, inHeight, inWidth, channels, ...windows };
      await expectMeanPool(shape, randomArray(2 * inHeight * inWidth * channels, 84));
    }
  });

  it('counts padding as zeros, or not at all', async () => {
    const shape: Required<PoolShape> = {
      batch: 1,
      inHeight: 1,
      inWidth: 3,
      channels: 1,
      kernel: [1, 3],
      stride: [1, 1],
      padding: [0, 1],
      ceilMode: false,
    };
    const result = await runPlan(device, planMeanPool(shape), { input: Float32Array.of(3, 6, 12) });
    expect([...result.floats('output')]).toEqual([3, 7, 6]);
    const without = await runPlan(device, planMeanPool(shape, { countPadding: false }), {
      input: Float32Array.of(3, 6, 12),
    });
    expect([...without.floats('output')]).toEqual([4.5, 7, 9]);
  });
});

/** What PyTorch 1.13 gives for max_pool2d and avg_pool2d, of four sides behind a pad. */
describe('as PyTorch has it', () => {
  const values = Float32Array.of(3, -1, 4, 1, -5, 9, 2, -6, 5, 3, 5, -8, 9, 7, -9);
  const image = { batch: 1, inHeight: 3, inWidth: 5, channels: 1 } as const;
  const ceil = { ...image, ceilMode: true } as const;

  const largest: [PoolShape, number[]][] = [
    [{ ...ceil, kernel: [2, 2], stride: [2, 2] }, [9, 5, 3, 5, 9, -9]],
    [{ ...ceil, kernel: [3, 3], stride: [2, 2], padding: [1, 1] }, [9, 5, 5, 9, 9, 7]],
    // A third column would start behind the image.
    [{ ...ceil, kernel: [2, 2], stride: [3, 3], padding: [1, 1] }, [3, 4, 5, 9]],
    [{ ...image, kernel: [2, 3], stride: [2, 2], padding: [0, 0, 1, 1] }, [9, 5, 9, 9]],
    [{ batch: 1, inHeight: 1, inWidth: 1, channels: 1, kernel: [2, 2], stride: [2, 2], ceilMode: true }, [3]],
  ];
  it.each(largest)('the largest of %j', async (shape, expected) => {
    const input = values.subarray(0, shape.inHeight * shape.inWidth);
    const result = await runPlan(device, planMaxPool(shape), { input });
    expect([...result.floats('output')]).toEqual(expected);
  });

  const means: [PoolShape, counted: number[], uncounted: number[]][] = [
    [{ ...ceil, kernel: [2, 2], stride: [2, 2] }, [3.25, 1, -1, -1.5, 8, -9], [3.25, 1, -1, -1.5, 8, -9]],
    [
      { ...ceil, kernel: [3, 3], stride: [3, 3], padding: [1, 1] },
      [13 / 9, 2 / 9, -0.5, 7 / 6],
      [3.25, 1 / 3, -1.5, 7 / 3],
    ],
    [
      { ...image, kernel: [2, 3], stride: [2, 2], padding: [0, 0, 1, 1] },
      [11 / 6, 1 / 3, 1, 7 / 6],
      [11 / 6, 1 / 3, 2, 7 / 3],
    ],
    [{ batch: 1, inHeight: 1, inWidth: 1, channels: 1, kernel: [2, 2], stride: [2, 2], ceilMode: true }, [3], [3]],
  ];
  it.each(means)('the mean of %j', async (shape, counted, uncounted) => {
    const input = values.subarray(0, shape.inHeight * shape.inWidth);
    for (const [countPadding, expected] of [
      [true, counted],
      [false, uncounted],
    ] as const) {
      const result = await runPlan(device, planMeanPool(shape, { countPadding }), { input });
      expectClose(
        result.floats('output'),
        expected,
        expected.map((value) => 4 * EPSILON * Math.abs(value)),
        'mean',
      );
    }
  });
});
