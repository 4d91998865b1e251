import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { planLocalResponseNorm, planLocalResponseNormGradient } from '../../src/ops/localResponseNorm.js';
import { addReference } from '../reference/pointwise.js';
import {
  type ResponseNorm,
  responseNormBackwardReference,
  responseNormReference,
  responseReference,
} from '../reference/responseNorm.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runHalf } from '../support/float16.js';
import { expectHeld, halfValues, magnitudes, precisions } from '../support/held.js';
import { EPSILON, summationBound } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** Neighbourhoods of one channel, even and odd ones, wider than all channels; AlexNet's and others' constants. */
const norms: readonly (ResponseNorm & { readonly pixels: number })[] = [
  { pixels: 35, channels: 16, size: 5, alpha: 1e-4, beta: 0.75, k: 2 },
  { pixels: 13, channels: 7, size: 4, alpha: 0.5, beta: 0.75, k: 1 },
  { pixels: 9, channels: 3, size: 11, alpha: 2, beta: 0.5, k: 0.25 },
  { pixels: 5, channels: 6, size: 1, alpha: 1, beta: 1, k: 1 },
  { pixels: 65, channels: 5, size: 2, alpha: 0, beta: 2, k: 3 },
  { pixels: 3, channels: 97, size: 3, alpha: 3, beta: 0, k: 1 },
  { pixels: 1, channels: 1, size: 3, alpha: 1, beta: 1.5, k: 1 },
];

/** The error of WGSL's pow as a share, which is that of exp2(y * log2(x)); and of what it is of. */
function powerError(responses: Float64Array, power: number, { size }: ResponseNorm): number {
  const largest = Math.max(...responses.map((response) => Math.abs(Math.log2(response))));
  const logarithm = Math.max(2 ** -21, 6 * EPSILON * largest) + 2 * EPSILON * largest;
  const exponential = (3 + 2 * Math.abs(power) * largest) * 2 * EPSILON;
  return Math.LN2 * Math.abs(power) * logarithm + exponential + Math.abs(power) * (size + 3) * EPSILON;
}

describe.each(precisions)('in %s', (precision) => {
  it.each(norms)('over $size of $channels channels, alpha $alpha, beta $beta, k $k, and its gradient', async (norm) => {
    const { pixels, channels, size, alpha, beta, k } = norm;
    const count = pixels * channels;
    const shape = { pixels, channels };
    const options = { size, alpha, beta, k, precision };
    const input = halfValues(count, 1);
    const rounded = { ...norm, alpha: Math.fround(alpha / size) * size, beta: Math.fround(beta) };
    const expected = responseNormReference(input, rounded);
    const responses = responseReference(input, rounded);
    const share = powerError(responses, beta, norm);
    const error = expected.map((value) => Math.abs(value) * (share + 2 * EPSILON));
    await expectHeld(device, planLocalResponseNorm(shape, options), { input }, { output: [expected, error] });

    const gradient = halfValues(count, 2);
    const { dx, magnitude } = responseNormBackwardReference(input, gradient, rounded);
    const steeper = powerError(responses, beta + 1, norm) + (size + 8) * EPSILON;
    const bound = magnitude.map((value) => value * steeper);
    const plan = planLocalResponseNormGradient(shape, options);
    await expectHeld(device, plan, { gradient, input }, { inputGradient: [dx, bound] });
    const before = halfValues(count, 3);
    const sum = addReference(dx, before);
    const adding = planLocalResponseNormGradient(shape, { ...options, accumulate: true });
    const added = bound.map((value, i) => value + summationBound(1, magnitudes(dx, before))[i]!);
    await expectHeld(device, adding, { gradient, input, inputGradient: before }, { inputGradient: [sum, added] });
  });
});

it('what does not fit into float16 is noted', async () => {
  const shape = { pixels: 1, channels: 1 };
  const options = { size: 1, alpha: 0, beta: 1, k: 0.5, precision: 'float16' } as const;
  const large = Float32Array.of(60000);
  const noted = (outputs: { floats(name: string): Float32Array }) => expect(outputs.floats('status')[0]).toBe(1);
  await runHalf(device, planLocalResponseNorm(shape, options), { input: large }, noted);
  const inputs = { gradient: large, input: Float32Array.of(1) };
  await runHalf(device, planLocalResponseNormGradient(shape, options), inputs, noted);
});

it('refuses what is no norm', () => {
  const shape = { pixels: 1, channels: 4 };
  const options = { size: 3, alpha: 1, beta: 0.75, k: 1 };
  const plan = (wrong: object) => () => planLocalResponseNorm(shape, { ...options, ...wrong });
  expect(plan({ size: 0 })).toThrow('localResponseNorm: size: expected a positive integer');
  expect(plan({ alpha: -1 })).toThrow('localResponseNorm: alpha: expected a number from 0 up');
  expect(plan({ beta: Number.NaN })).toThrow('localResponseNorm: beta: expected a number from 0 up');
  expect(plan({ k: 0 })).toThrow('localResponseNorm: k: expected a positive number');
  expect(() => planLocalResponseNormGradient({ pixels: 0, channels: 1 }, options)).toThrow(ShapeError);
});
