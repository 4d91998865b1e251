import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActivationFunction } from '../../src/graph/network.js';
import { activationFunctions } from '../../src/ops/activationFunctions.js';
import { planActivation, planActivationGradient } from '../../src/ops/activations.js';
import { activationReference, normalShare } from '../reference/activations.js';
import { addReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { roundedToHalf, runHalf, storingBound } from '../support/float16.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';
import { activationError } from './activationError.js';

let device: GPUDevice;
const table: string[] = [];

beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(async () => {
  process.stdout.write(`  largest errors: docs/numerics.md\n${table.join('\n')}\n`);
  await closeTestDevice();
});

/** With a slope of its own, and without. */
const variants: readonly { readonly name: ActivationFunction; readonly slope?: number }[] = [
  ...activationFunctions.map((name) => ({ name })),
  { name: 'leakyRelu', slope: 0.25 },
  { name: 'leakyRelu', slope: -1.5 },
  { name: 'hardSigmoid', slope: 0.2 },
];

/** The largest error, in units: those in the last place of what is expected, or of 2^-24. */
function largestError(
  actual: Float32Array,
  expected: Float64Array,
  lastPlace: boolean,
  taken: (index: number) => boolean,
) {
  const units = Array.from(expected, (value, i) => {
    const unit = lastPlace ? Math.max(2 ** (Math.floor(Math.log2(Math.abs(value))) - 23), 2 ** -126) : EPSILON;
    return taken(i) ? Math.abs(actual[i]! - value) / unit : 0;
  });
  return Math.max(...units).toPrecision(2);
}

describe.each(variants)('$name $slope', ({ name, slope }) => {
  const reference = activationReference(name, slope);
  const bounds = activationError(name, slope);
  const options = slope === undefined ? {} : { slope };
  /** Without those where rounding decides on which side of a kink they are. */
  const away = (values: Float32Array<ArrayBuffer>) =>
    values.map((x) => (reference.distance && reference.distance(x) < 1e-5 ? x + 0.1 : x));

  it.each([1, 2, 3, 63, 64, 65, 256, 257, 1022])('of %i elements, forward and backward', async (count) => {
    const input = away(randomArray(count, count, -6, 6));
    const gradient = randomArray(count, count + 1);
    const values = Float64Array.from(input, reference.value);
    const forward = await runPlan(device, planActivation(count, name, options), { input });
    expectClose(forward.floats('output'), values, Float64Array.from(input, bounds.value), `${name} of ${count}`);

    const expected = Float64Array.from(input, (x, i) => reference.slope(x) * gradient[i]!);
    const bound = Float64Array.from(input, (x, i) => bounds.slope(x) * Math.abs(gradient[i]!) + 2 ** -126);
    const backward = await runPlan(device, planActivationGradient(count, name, options), { gradient, input });
    expectClose(backward.floats('inputGradient'), expected, bound, `${name} gradient of ${count}`);

    const before = randomArray(count, count + 2);
    const added = await runPlan(device, planActivationGradient(count, name, { ...options, accumulate: true }), {
      gradient,
      input,
      inputGradient: before,
    });
    const sum = addReference(expected, before);
    const sumBound = bound.map((value, i) => value + EPSILON * Math.abs(sum[i]!));
    expectClose(added.floats('inputGradient'), sum, sumBound, `${name} gradient of ${count}, accumulated`);
  });

  it('is as near everywhere', async () => {
    const count = 40_000;
    const steps = Float32Array.from({ length: count }, (_, i) => -100 + (200 * i) / (count - 1));
    const close = Float32Array.from({ length: count }, (_, i) => -8 + (16 * (i + 0.5)) / count);
    const tiny = Float32Array.from({ length: 200 }, (_, i) => (i % 2 ? 1 : -1) * 2 ** (-i / 2));
    const input = away(Float32Array.of(...steps, ...close, ...tiny));
    const gradient = new Float32Array(input.length).fill(1);
    const values = (await runPlan(device, planActivation(input.length, name, options), { input })).floats('output');
    const plan = planActivationGradient(input.length, name, options);
    const slopes = (await runPlan(device, plan, { gradient, input })).floats('inputGradient');
    const expected = Float64Array.from(input, reference.value);
    const expectedSlopes = Float64Array.from(input, reference.slope);
    const figures = [
      largestError(values, expected, true, (i) => input[i]! >= -1),
      largestError(values, expected, false, (i) => Math.abs(input[i]!) <= 8),
      largestError(slopes, expectedSlopes, false, () => true),
    ];
    table.push(`| \`${name}\` | ${figures.join(' | ')} |`);
    expectClose(values, expected, Float64Array.from(input, bounds.value), `${name} everywhere`);
    expectClose(slopes, expectedSlopes, Float64Array.from(input, bounds.slope), `${name} slopes everywhere`);
  });

  it('has slopes that central differences have', () => {
    for (const x of away(randomArray(200, 5, -6, 6))) {
      const step = 1e-5;
      const difference = (reference.value(x + step) - reference.value(x - step)) / (2 * step);
      expect(Math.abs(reference.slope(x) - difference), `${name} at ${x}`).toBeLessThan(1e-8);
    }
  });

  it('gives limits at infinity, and keeps NaN', async () => {
    const input = Float32Array.of(
      Number.NaN,
      -Infinity,
      Infinity,
      -0,
      3.4e38,
      -3.4e38,
      1e10,
      -1e10,
      89,
      -89,
      104,
      -104,
    );
    const limits = Array.from(input, (x) => Math.fround(reference.value(x)));
    for (const count of [12, 6, 5]) {
      const { length } = input.subarray(0, count);
      const output = await runPlan(device, planActivation(length, name, options), { input: input.slice(0, count) });
      [...output.floats('output')].forEach((value, i) => {
        if (Number.isNaN(input[i]!)) expect(value, `${name} of NaN`).toBeNaN();
        else if (Number.isFinite(limits[i]!)) {
          expect(Math.abs(value - limits[i]!), `${name} of ${input[i]}`).toBeLessThanOrEqual(bounds.value(input[i]!));
        } else expect(value, `${name} of ${input[i]}`).toBe(limits[i]!);
      });
    }
    const gradient = new Float32Array(12).fill(1);
    const slopes = await runPlan(device, planActivationGradient(12, name, options), { gradient, input });
    [...slopes.floats('inputGradient')].forEach((value, i) => {
      const smooth = ['sigmoid', 'silu', 'tanh', 'gelu', 'hardSwish'].includes(name);
      if (Number.isNaN(input[i]!)) expect(Number.isNaN(value), `slope of ${name} at NaN`).toBe(smooth);
      else {
        const expected = reference.slope(input[i]!);
        expect(Math.abs(value - expected), `slope of ${name} at ${input[i]}`).toBeLessThanOrEqual(
          bounds.slope(input[i]!),
        );
      }
    });
  });

  it('in float16', async () => {
    const half = { ...options, precision: 'float16' } as const;
    for (const count of [1, 3, 66, 260]) {
      const input = away(roundedToHalf(randomArray(count, 3, -6, 6)));
      const gradient = roundedToHalf(randomArray(count, 4));
      await runHalf(device, planActivation(count, name, half), { input }, (outputs) => {
        const expected = Float64Array.from(input, reference.value);
        const bound = storingBound(expected).map((value, i) => value + bounds.value(input[i]!));
        expectClose(outputs.floats('output').subarray(0, count), expected, bound, `${name} in float16`);
        expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
      });
      await runHalf(device, planActivationGradient(count, name, half), { gradient, input }, (outputs) => {
        const expected = Float64Array.from(input, (x, i) => reference.slope(x) * gradient[i]!);
        const bound = storingBound(expected).map((value, i) => value + bounds.slope(input[i]!));
        expectClose(outputs.floats('inputGradient').subarray(0, count), expected, bound, `${name} gradient in float16`);
        expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
      });
    }
    const input = Float32Array.of(1, 2, 65504, Infinity);
    await runHalf(device, planActivation(4, name, half), { input }, (outputs) => {
      const bounded = ['sigmoid', 'tanh', 'hardSigmoid'].includes(name);
      expect(outputs.floats('status')[0]).toBe(bounded ? 0 : 1);
    });
  });
});

it('refuses what is no function, and slopes of those that have none', () => {
  const said = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const unknown = 'mish' as ActivationFunction;
  expect(said(() => planActivation(4, unknown))).toMatchObject({ parameter: 'function', got: 'mish' });
  expect(said(() => planActivation(4, 'silu', { slope: 1 }))).toMatchObject({
    parameter: 'slope',
    expected: 'none of silu',
  });
  expect(said(() => planActivation(4, 'leakyRelu', { slope: Number.NaN }))).toMatchObject({
    expected: 'a finite number',
  });
  expect(said(() => planActivation(0, 'silu'))).toMatchObject({ operation: 'activation', parameter: 'count' });
});

it('the reference has the shares that tables of the normal distribution have', () => {
  // Abramowitz and Stegun, table 26.1; and 26.2.12 for the last one.
  const shares: readonly [number, number][] = [
    [0, 0.5],
    [0.5, 0.691462461274013],
    [1, 0.841344746068543],
    [2, 0.977249868051821],
    [3, 0.99865010196837],
    [-3, 0.00134989803163009],
    [-6, 9.86587645037698e-10],
  ];
  for (const [x, share] of shares) expect(Math.abs(normalShare(x) / share - 1)).toBeLessThan(1e-14);
});
