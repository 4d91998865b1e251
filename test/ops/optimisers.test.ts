import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flatParts, gradientsPart, planAdamW, planGradientClip, planSgd } from '../../src/ops/optimisers.js';
import { parameterBlock } from '../../src/ops/parameterBlock.js';
import { adamWStepReference, clipByGlobalNormReference, sgdStepReference } from '../reference/optimisers.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { stepState } from '../support/stepState.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const blocks = 5;
const count = blocks * parameterBlock;
const steps = 3;
const learningRate = Math.fround(0.1);
const clipFactor = Math.fround(0.37);

/** The parameter group of each block, not in order. */
const groupOfBlock = Uint32Array.of(2, 0, 1, 1, 2);

const parameters = randomArray(count, 1);
const gradientOf = (step: number) => randomArray(count, 10 + step, -2, 2);

/** Runs the reference on every block with its group's settings. */
function eachBlock(update: (from: number, to: number, group: number) => void): void {
  groupOfBlock.forEach((group, block) => {
    update(block * parameterBlock, (block + 1) * parameterBlock, group);
  });
}

describe('SGD', () => {
  /** Learning-rate factor, weight decay, momentum, unused. */
  const settings = Float32Array.of(1, 0, 0.9, 0, 0.01, 1e-4, 0, 0, 2, 0.05, 0.5, 0);

  it.each([
    { nesterov: false, clip: false },
    { nesterov: false, clip: true },
    { nesterov: true, clip: false },
    { nesterov: true, clip: true },
  ])('%o takes three steps as expected', async ({ nesterov, clip }) => {
    const expected = Float64Array.from(parameters);
    const expectedVelocity = new Float64Array(count);
    let [actual, velocities] = [parameters, new Float32Array(count)];
    for (let step = 0; step < steps; step++) {
      const gradients = gradientOf(step);
      const result = await runPlan(device, planSgd(count, { groups: 3, nesterov, clip }), {
        parameters: actual,
        gradients,
        velocities,
        groups: groupOfBlock,
        settings,
        status: new Uint32Array(2),
        stepState: stepState({ step, learningRate }),
        ...(clip && { clipping: Float32Array.of(clipFactor, 5) }),
      });
      actual = result.floats('parameters');
      velocities = result.floats('velocities');
      eachBlock((from, to, group) => {
        const [factor, weightDecay, momentum] = settings.subarray(4 * group);
        const clipped = Float64Array.from(gradients.subarray(from, to), (value) => value * (clip ? clipFactor : 1));
        sgdStepReference(expected.subarray(from, to), clipped, expectedVelocity.subarray(from, to), {
          learningRate: learningRate * factor!,
          momentum: momentum!,
          nesterov,
          weightDecay: weightDecay!,
        });
      });
      // Velocities stay below 6, and a step rounds each of a handful of operations.
      expectClose(velocities, expectedVelocity, 6 * 6 * (step + 1) * EPSILON, 'SGD velocities');
      expectClose(actual, expected, 8 * 3 * (step + 1) * EPSILON, 'SGD parameters');
    }
  });
});

describe('AdamW', () => {
  /** Learning-rate factor, weight decay, beta1, beta2. */
  const settings = Float32Array.of(1, 0, 0.9, 0.999, 0.5, 0.1, 0.8, 0.95, 2, 0.01, 0.9, 0.99);
  const epsilon = Math.fround(1e-8);

  /** All groups share the corrections, which are the first group's. */
  const correctionsOf = (step: number, group: number): [number, number] => [
    1 - settings[4 * group + 2]! ** step,
    1 - settings[4 * group + 3]! ** step,
  ];

  it.each([0, 1, 2])('takes three steps as expected, group %i', async (group) => {
    for (const clip of [false, true]) {
      const expected = Float64Array.from(parameters);
      const state = { first: new Float64Array(count), second: new Float64Array(count) };
      let [actual, means, squares] = [parameters, new Float32Array(count), new Float32Array(count)];
      const [factor, weightDecay, beta1, beta2] = settings.subarray(4 * group);
      for (let step = 1; step <= steps; step++) {
        const gradients = gradientOf(step);
        const result = await runPlan(device, planAdamW(count, { groups: 3, epsilon, clip }), {
          parameters: actual,
          gradients,
          means,
          squares,
          groups: new Uint32Array(blocks).fill(group),
          settings,
          status: new Uint32Array(2),
          stepState: stepState({ step: step - 1, learningRate, corrections: correctionsOf(step, group) }),
          ...(clip && { clipping: Float32Array.of(clipFactor, 5) }),
        });
        actual = result.floats('parameters');
        means = result.floats('means');
        squares = result.floats('squares');
        const clipped = Float64Array.from(gradients, (value) => value * (clip ? clipFactor : 1));
        adamWStepReference(expected, clipped, state, step, {
          learningRate: learningRate * factor!,
          weightDecay: weightDecay!,
          beta1: beta1!,
          beta2: beta2!,
          epsilon,
        });
        expectClose(means, state.first, 8 * step * EPSILON, 'AdamW means');
        expectClose(squares, state.second, 8 * 4 * step * EPSILON, 'AdamW squares');
        // A step moves a parameter by a few learning rates at most, with an error of some 20 roundings.
        const bound = expected.map((value) => step * EPSILON * (4 * Math.abs(value) + 40 * learningRate * factor!));
        expectClose(actual, expected, bound, 'AdamW parameters');
      }
    }
  });

  it('gives every block the settings of its group', async () => {
    const inputs = {
      parameters,
      gradients: gradientOf(1),
      means: new Float32Array(count),
      squares: new Float32Array(count),
      settings,
      status: new Uint32Array(2),
      stepState: stepState({ step: 0, learningRate, corrections: correctionsOf(1, 0) }),
    };
    const plan = planAdamW(count, { groups: 3, epsilon });
    const mixed = (await runPlan(device, plan, { ...inputs, groups: groupOfBlock })).floats('parameters');
    const alone = await Promise.all(
      [0, 1, 2].map(async (group) => {
        const groups = new Uint32Array(blocks).fill(group);
        return (await runPlan(device, plan, { ...inputs, groups })).floats('parameters');
      }),
    );
    eachBlock((from, to, group) => {
      expect(mixed.subarray(from, to)).toEqual(alone[group]!.subarray(from, to));
    });
    expect(alone[0]).not.toEqual(alone[1]);
    expect(alone[1]).not.toEqual(alone[2]);
  });
});

it('a status that is not 0 stops every update', async () => {
  const velocities = randomArray(count, 2);
  const common = {
    parameters,
    gradients: gradientOf(1),
    groups: groupOfBlock,
    settings: randomArray(12, 3),
    status: Uint32Array.of(17, 0),
    stepState: stepState({ step: 1, learningRate }),
  };
  const sgd = await runPlan(device, planSgd(count, { groups: 3 }), { ...common, velocities });
  expect(sgd.floats('parameters')).toEqual(parameters);
  expect(sgd.floats('velocities')).toEqual(velocities);
  const squares = velocities.map(Math.abs);
  const adamW = await runPlan(device, planAdamW(count, { groups: 3, epsilon: 1e-8 }), {
    ...common,
    means: velocities,
    squares,
  });
  expect(adamW.floats('parameters')).toEqual(parameters);
  expect(adamW.floats('means')).toEqual(velocities);
  expect(adamW.floats('squares')).toEqual(squares);
});

describe('a check', () => {
  const check = async (kind: 'sgd' | 'adamW', changes: Record<string, Float32Array<ArrayBuffer>>, status = [0, 0]) => {
    const plan =
      kind === 'sgd'
        ? planSgd(count, { groups: 3, check: true })
        : planAdamW(count, { groups: 3, epsilon: 1e-8, check: true });
    // What it reads and may not write, runPlan looks at.
    const result = await runPlan(device, plan, {
      parameters,
      gradients: gradientOf(1),
      groups: groupOfBlock,
      settings: Float32Array.of(1, 0, 0.9, 0.9, 1, 0, 0.9, 0.9, 1, 0, 0.9, 0.9),
      status: Uint32Array.from(status),
      stepState: stepState({ step: 4, learningRate }),
      ...(kind === 'sgd'
        ? { velocities: new Float32Array(count) }
        : { means: new Float32Array(count), squares: new Float32Array(count) }),
      ...changes,
    });
    return [...result.integers('status')];
  };
  const changedAt = (base: Float32Array, value: number, place: number) => {
    const changed = Float32Array.from(base);
    changed[place] = value;
    return changed;
  };
  const zeros = new Float32Array(count);

  it('says nothing of an update that is finite, and writes nothing', async () => {
    expect(await check('sgd', {})).toEqual([0, 0]);
    expect(await check('adamW', {})).toEqual([0, 0]);
  });

  it.each([
    ['sgd', 'a gradient of NaN', { gradients: changedAt(gradientOf(1), Number.NaN, 0) }],
    ['sgd', 'an infinite gradient', { gradients: changedAt(gradientOf(1), Infinity, count - 1) }],
    [
      'sgd',
      'a velocity that overflows',
      { velocities: changedAt(zeros, -3.4e38, 77), gradients: changedAt(zeros, -3.4e38, 77) },
    ],
    [
      'sgd',
      'a parameter that overflows',
      { parameters: changedAt(parameters, 3.4e38, 5), gradients: changedAt(zeros, -3.4e38, 5) },
    ],
    ['adamW', 'a gradient of NaN', { gradients: changedAt(gradientOf(1), Number.NaN, 0) }],
    ['adamW', 'a gradient whose square overflows', { gradients: changedAt(gradientOf(1), 1e20, count - 1) }],
    ['adamW', 'a mean of infinity', { means: changedAt(zeros, Infinity, 64) }],
    ['adamW', 'a parameter of NaN', { parameters: changedAt(parameters, Number.NaN, 200) }],
  ] as const)('of %s notes %s', async (kind, _, changes) => {
    expect(await check(kind, changes)).toEqual([5, 0xffffffff]);
    expect(await check(kind, changes, [3, 1])).toEqual([3, 1]);
  });
});

describe('parts of a flat buffer', () => {
  it.each([
    [64, 128 * 2 ** 20, 1],
    [4096, 16384, 1],
    [4160, 16384, 2],
    [30_000_064, 128 * 2 ** 20, 1],
    [60_192_832, 128 * 2 ** 20, 2],
    [100_032, 50_000, 9],
  ])('%i elements in bindings of %i bytes are %i, which cover it', (length, largestBinding, parts) => {
    const cut = flatParts(length, largestBinding);
    expect(cut).toHaveLength(parts);
    let next = 0;
    for (const { first, count: size } of cut) {
      expect(first).toBe(next);
      expect(4 * size).toBeLessThanOrEqual(largestBinding);
      // The part of the groups, one for each block, starts where a binding may start.
      expect(((4 * first) / parameterBlock) % 256).toBe(0);
      next += size;
    }
    expect(next).toBe(length);
  });
});

describe('gradient clip', () => {
  it('takes the gradients in parts', async () => {
    const sizes = [8192, 4096, 64];
    const pieces = sizes.map((size, index) => randomArray(size, 9 + index));
    const all = Float32Array.from(pieces.flatMap((piece) => [...piece]));
    const gradients = Object.fromEntries(pieces.map((piece, index) => [gradientsPart(index), piece]));
    const parts = await runPlan(device, planGradientClip(sizes, 1), gradients);
    const whole = await runPlan(device, planGradientClip(all.length, 1), { gradients: all });
    expectClose(parts.floats('clipping'), Float64Array.from(whole.floats('clipping')), 60 * EPSILON, 'clip in parts');
  });

  // Above 1,024 spans of 4,096 elements the spans grow.
  it.each([64, 4096, 4160, 12_352, 4_198_464])('finds the norm of %i elements and the factor', async (length) => {
    const gradients = randomArray(length, 4);
    const all = Float64Array.from(gradients);
    const norm = clipByGlobalNormReference([all], 1);
    const factor = all[0]! / gradients[0]!;
    const result = await runPlan(device, planGradientClip(length, 1), { gradients });
    // 64 threads take 4 elements at a time of a span each, then spans are added.
    const span = Math.max(4096, Math.ceil(length / 1024 / 256) * 256);
    const terms = Math.min(span, length) / 64 + 64 + Math.ceil(length / span) + 20;
    const bound = [terms * EPSILON * factor, terms * EPSILON * norm];
    expectClose(result.floats('clipping'), [factor, norm], bound, 'gradient clip');
  });

  it('leaves gradients within the bound as they are, zeros too', async () => {
    const plan = planGradientClip(64, 5);
    const gradients = new Float32Array(64);
    expect([...(await runPlan(device, plan, { gradients })).floats('clipping')]).toEqual([1, 0]);
    gradients[63] = -4;
    expect([...(await runPlan(device, plan, { gradients })).floats('clipping')]).toEqual([1, 4]);
  });
});
