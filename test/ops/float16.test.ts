import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planBatchNormInference } from '../../src/ops/batchNorm.js';
import { planConcat } from '../../src/ops/concat.js';
import { planConvert } from '../../src/ops/convert.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { planAdd, planAddGradient, planRelu } from '../../src/ops/pointwise.js';
import { planMaxPool, planMeanPool } from '../../src/ops/pool.js';
import { planTranspose } from '../../src/ops/transpose.js';
import { addReference, concatReference, reluReference } from '../reference/pointwise.js';
import { maxPoolReference, meanPoolReference } from '../reference/pooling.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { roundedToHalf, runHalf, storingBound } from '../support/float16.js';
import { randomArray } from '../support/random.js';
import type { Outputs, Values } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { pools } from './float16Case.js';

/* Operations on float16 in memory; what a device without float16 does with each is to refuse it. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const half = { precision: 'float16' } as const;
const random = (count: number, seed: number) => roundedToHalf(randomArray(count, seed, -2, 2));

/** Holds a float16 output to its float64 values, an error ahead of the store included, and what fills up its last word. */
function expectHalf(outputs: Outputs, expected: ArrayLike<number>, error: ArrayLike<number> | 0, what: string): void {
  const stored = outputs.floats('output');
  const storing = storingBound(expected);
  const bound = storing.map((value, i) => value + 1.001 * (error === 0 ? 0 : error[i]!));
  expectClose(stored.subarray(0, expected.length), expected, bound, what);
  expect([...stored.subarray(expected.length)]).toEqual(expected.length % 2 === 0 ? [] : [Number.NaN]);
}

async function expectRun(
  plan: OperationPlan,
  inputs: Readonly<Record<string, Values>>,
  expected: ArrayLike<number>,
  error: ArrayLike<number> | 0 = 0,
): Promise<void> {
  await runHalf(device, plan, inputs, (outputs) => {
    expectHalf(outputs, expected, error, `${plan.operation} in float16`);
    if (plan.operands.status) expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
  });
}

describe.each([1, 2, 3, 63, 64, 65, 257, 1022])('%i elements', (count) => {
  const left = random(count, 1);
  const right = random(count, 2);

  it('are rectified, and bounded', async () => {
    await expectRun(planRelu(count, half), { input: left }, reluReference(left));
    await expectRun(planRelu(count, { maximum: 1.5, ...half }), { input: left }, reluReference(left, 1.5));
  });

  it('are added', async () => {
    const sum = addReference(left, right);
    await expectRun(planAdd(count, half), { left, right }, sum);
    await expectRun(planAdd(count, { relu: true, ...half }), { left, right }, reluReference(sum));
  });

  it('are copied, to the bit', async () => {
    await runHalf(device, planAddGradient(count, half), { input: left }, (outputs) => {
      expect([...outputs.floats('output').subarray(0, count)]).toEqual([...left]);
    });
  });

  it('become float16 and float32 again', async () => {
    const values = randomArray(count, 3, -70, 70);
    await runHalf(device, planConvert(count, 'float16'), { input: values }, (outputs) => {
      expectHalf(outputs, values, 0, 'narrowed');
      expect(outputs.floats('status')[0]).toBe(0);
    });
    await runHalf(device, planConvert(count, 'float32'), { input: left }, (outputs) => {
      expect([...outputs.floats('output')]).toEqual([...left]);
    });
  });
});

describe('what does not fit is noted', () => {
  const fitting = [65504, -65504, 0, 2 ** -24, 1];
  const unfitting = [65520, -65536, 1e30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

  it.each([
    ...fitting.map((value) => [value, 0] as const),
    ...unfitting.map((value) => [value, 1] as const),
  ])('%f as it becomes float16: %i', async (value, noted) => {
    for (const count of [1, 6, 64]) {
      const input = random(count, 4);
      input[count - 1] = value;
      await runHalf(device, planConvert(count, 'float16'), { input }, (outputs) => {
        expect(outputs.floats('status')[0]).toBe(noted);
      });
    }
  });

  it('in sums and behind scales, and stays noted', async () => {
    const left = Float32Array.of(60000, 1, -60000, 2);
    const noted = (expected: number) => (outputs: Outputs) => expect(outputs.floats('status')[0]).toBe(expected);
    await runHalf(device, planAdd(4, half), { left, right: Float32Array.of(5000, 1, 1, 1) }, noted(0));
    await runHalf(device, planAdd(4, half), { left, right: Float32Array.of(6000, 1, 1, 1) }, noted(1));
    const before = { status: Float32Array.of(1, 0, 0, 0) };
    await runHalf(device, planAdd(4, half), { left, right: new Float32Array(4), ...before }, noted(1));
    const norm = planBatchNormInference({ pixels: 2, channels: 2 }, half);
    await runHalf(device, norm, { input: left, scaleShift: Float32Array.of(1, 1, 5000, 0) }, noted(0));
    await runHalf(device, norm, { input: left, scaleShift: Float32Array.of(1.2, 1, 0, 0) }, noted(1));
  });

  it('below zero where a ReLU behind hides it', async () => {
    const norm = planBatchNormInference({ pixels: 2, channels: 1 }, { relu: true, ...half });
    await runHalf(device, norm, { input: Float32Array.of(-60000, 1), scaleShift: Float32Array.of(2, 0) }, (outputs) => {
      expect([...outputs.floats('output')]).toEqual([0, 2]);
      // What is stored fits: the sum was formed in float32.
      expect(outputs.floats('status')[0]).toBe(0);
    });
  });
});

describe.each([
  [1, 1],
  [3, 4],
  [7, 5],
  [65, 6],
])('%i pixels of %i channels', (pixels, channels) => {
  it('are scaled and shifted, with residual and ReLU', async () => {
    const input = random(pixels * channels, 1);
    const residual = random(pixels * channels, 2);
    const scaleShift = randomArray(2 * channels, 3);
    const terms = (i: number) => [input[i]! * scaleShift[i % channels]!, scaleShift[channels + (i % channels)]!];
    const plain = Float64Array.from(input, (_, i) => terms(i)[0]! + terms(i)[1]!);
    const magnitude = Float64Array.from(input, (_, i) => {
      return terms(i).reduce((sum, term) => sum + Math.abs(term), Math.abs(residual[i]!));
    });
    const shape = { pixels, channels };
    const error = summationBound(4, magnitude);
    await expectRun(planBatchNormInference(shape, half), { input, scaleShift }, plain, error);
    const all = reluReference(addReference(plain, residual));
    const plan = planBatchNormInference(shape, { residual: true, relu: true, ...half });
    await expectRun(plan, { input, scaleShift, residual }, all, error);
  });

  it('are concatenated, and turned round', async () => {
    const counts = [channels, 2 * channels, 3];
    const inputs = counts.map((count, index) => random(pixels * count, index + 1));
    const named = Object.fromEntries(inputs.map((values, index) => [`input${index}`, values]));
    await expectRun(planConcat({ pixels, channels: counts }, half), named, concatReference(inputs, counts));
    const image = inputs[0]!;
    const turned = Float64Array.from(image, (_, i) => image[(i % pixels) * channels + Math.floor(i / pixels)]!);
    await expectRun(planTranspose({ batch: 1, rows: pixels, columns: channels }, half), { input: image }, turned);
  });
});

describe.each(pools)('windows of $kernel over $channels channels', (windows) => {
  const shape = { batch: 2, inHeight: 7, inWidth: 5, ...windows };
  const { channels, kernel } = windows;
  const input = random(2 * 7 * 5 * channels, 5);
  const operands = { ...windows, x: input, shape: [2, 7, 5, channels] } as const;

  it('have their largest value', async () => {
    await expectRun(planMaxPool(shape, half), { input }, maxPoolReference(operands).y);
  });

  it('have their mean', async () => {
    for (const countPadding of [true, false]) {
      const { y } = meanPoolReference({ ...operands, countPadding });
      const { y: magnitude } = meanPoolReference({ ...operands, x: input.map(Math.abs), countPadding });
      const error = summationBound(kernel[0] * kernel[1] + 1, magnitude);
      await expectRun(planMeanPool(shape, { countPadding, ...half }), { input }, y, error);
    }
  });
});

it('NaN stays NaN', async () => {
  const input = Float32Array.of(1, Number.NaN, -1, 2, -2, 3);
  const notNumbers = (outputs: Outputs) => [...outputs.floats('output')].map(Number.isNaN);
  const only = [false, true, false, false, false, false];
  await runHalf(device, planRelu(6, half), { input }, (outputs) => expect(notNumbers(outputs)).toEqual(only));
  const pool = {
    batch: 1,
    inHeight: 1,
    inWidth: 6,
    channels: 1,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
  } as const;
  await runHalf(device, planMaxPool(pool, half), { input }, (outputs) => expect(notNumbers(outputs)).toEqual(only));
});
