import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planPrelu, planPreluGradient, planPreluSlopeGradient } from '../../src/ops/prelu.js';
import { preluBackwardReference, preluReference } from '../reference/activations.js';
import { addReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { roundedToHalf, runHalf, storingBound } from '../support/float16.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose, summationBound } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const rounded = (values: Float64Array) => values.map((value) => EPSILON * Math.abs(value));

/** Below, at and above a slice of pixels, a vector and a workgroup's lanes. */
const sizes = [
  [1, 1],
  [31, 3],
  [32, 4],
  [33, 6],
  [50, 64],
  [97, 260],
  [9000, 5],
] as const;

describe.each(sizes)('PReLU of %i pixels and %i channels', (pixels, channels) => {
  const count = pixels * channels;
  const shape = { pixels, channels };
  const input = randomArray(count, 1);
  input[count - 1] = 0;
  const slope = randomArray(channels, 2, -0.5, 1.5);
  const gradient = randomArray(count, 3);
  const { dx, dSlopes } = preluBackwardReference(input, slope, gradient);
  const products = preluBackwardReference(input.map(Math.abs), slope, gradient.map(Math.abs), (i) => input[i]! > 0);

  it('forward', async () => {
    const expected = preluReference(input, slope);
    const result = await runPlan(device, planPrelu(shape), { input, slope });
    expectClose(result.floats('output'), expected, rounded(expected), 'prelu');
  });

  it('backward', async () => {
    const result = await runPlan(device, planPreluGradient(shape), { gradient, input, slope });
    expectClose(result.floats('inputGradient'), dx, rounded(dx), 'prelu gradient');
    const inputGradient = randomArray(count, 4);
    const added = await runPlan(device, planPreluGradient(shape, { accumulate: true }), {
      gradient,
      input,
      slope,
      inputGradient,
    });
    const sum = addReference(dx, inputGradient);
    const bound = rounded(sum).map((value, i) => value + EPSILON * Math.abs(dx[i]!));
    expectClose(added.floats('inputGradient'), sum, bound, 'prelu gradient, accumulated');
    const slopes = await runPlan(device, planPreluSlopeGradient(shape), { gradient, input });
    expectClose(slopes.floats('output'), dSlopes, summationBound(pixels + 1, products.dSlopes), 'slopes');
  });

  it('in float16', async () => {
    const half = { precision: 'float16' } as const;
    const [values, incoming] = [roundedToHalf(input), roundedToHalf(gradient)];
    const backward = preluBackwardReference(values, slope, incoming);
    await runHalf(device, planPrelu(shape, half), { input: values, slope }, (outputs) => {
      const expected = preluReference(values, slope);
      expectClose(outputs.floats('output').subarray(0, count), expected, storingBound(expected), 'prelu in float16');
      expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
    });
    await runHalf(device, planPreluGradient(shape, half), { gradient: incoming, input: values, slope }, (outputs) => {
      const stored = outputs.floats('inputGradient').subarray(0, count);
      expectClose(stored, backward.dx, storingBound(backward.dx), 'prelu gradient in float16');
      expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
    });
    await runHalf(device, planPreluSlopeGradient(shape, half), { gradient: incoming, input: values }, (outputs) => {
      const bound = summationBound(pixels + 2, products.dSlopes).map((value) => 1.01 * value);
      expectClose(outputs.floats('output'), backward.dSlopes, bound, 'slopes in float16');
    });
  });
});

it('PReLU has slopes that central differences have', () => {
  const [x, slopes, dy] = [randomArray(12, 5), randomArray(3, 6), randomArray(12, 7)];
  const total = (own: ArrayLike<number>, by: ArrayLike<number>) =>
    preluReference(own, by).reduce((sum, value, i) => sum + value * dy[i]!, 0);
  const { dx, dSlopes } = preluBackwardReference(x, slopes, dy);
  const moved = (values: Float32Array, at: number, by: number) =>
    Float64Array.from(values, (value, i) => value + (i === at ? by : 0));
  dx.forEach((value, i) => {
    const difference = (total(moved(x, i, 1e-5), slopes) - total(moved(x, i, -1e-5), slopes)) / 2e-5;
    expect(Math.abs(value - difference)).toBeLessThan(1e-9);
  });
  dSlopes.forEach((value, c) => {
    const difference = (total(x, moved(slopes, c, 1e-5)) - total(x, moved(slopes, c, -1e-5))) / 2e-5;
    expect(Math.abs(value - difference)).toBeLessThan(1e-9);
  });
});

it('PReLU keeps NaN and infinity, and notes in float16 what does not fit', async () => {
  const input = Float32Array.of(Number.NaN, -Infinity, Infinity, -2);
  const result = await runPlan(device, planPrelu({ pixels: 4, channels: 1 }), { input, slope: Float32Array.of(0.5) });
  expect([...result.floats('output')]).toEqual([Number.NaN, -Infinity, Infinity, -1]);
  const plan = planPrelu({ pixels: 2, channels: 2 }, { precision: 'float16' });
  const large = Float32Array.of(1, 2, 3, -60000);
  await runHalf(device, plan, { input: large, slope: Float32Array.of(1, 2) }, (outputs) => {
    expect(outputs.floats('status')[0]).toBe(1);
  });
});
