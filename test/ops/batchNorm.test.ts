import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activationFunctions } from '../../src/ops/activationFunctions.js';
import { activationOf, planActivation, planActivationGradient } from '../../src/ops/activations.js';
import {
  type BehindNorm,
  planBatchNormFold,
  planBatchNormInference,
  planBatchNormTraining,
} from '../../src/ops/batchNorm.js';
import { planBatchNormGradient } from '../../src/ops/batchNormGradient.js';
import {
  batchNormBackwardReference,
  batchNormInferenceReference,
  batchNormReference,
  batchStatisticsReference,
  runningStatisticsReference,
} from '../reference/normalisation.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { type Outputs, runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose, summationBound } from '../support/tolerance.js';

type Floats = Float32Array<ArrayBuffer>;

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const epsilon = Math.fround(1e-5);
const momentum = Math.fround(0.1);

/** What WGSL allows 1 / sqrt, relative: 2 units in the last place for the root, 2.5 for each of two divisions. */
const inverseRootError = 16 * EPSILON;

interface Norm {
  readonly pixels: number;
  readonly channels: number;
  readonly x: Floats;
  readonly weight: Floats;
  readonly bias: Floats;
  readonly residual: Floats;
  readonly runningMean: Floats;
  readonly runningVariance: Floats;
}

const shapeOf = ({ pixels, channels }: Norm) => ({ pixels, channels });

/** @param mean and deviation of the values; every channel has a mean a little different */
function makeNorm(pixels: number, channels: number, mean: number, deviation: number): Norm {
  const seed = 7 * pixels + channels;
  return {
    pixels,
    channels,
    x: randomArray(pixels * channels, seed, -1, 1).map(
      (value, i) => mean * (1 + ((i % channels) % 5) / 10) + deviation * value,
    ),
    weight: randomArray(channels, seed + 1, -2, 2),
    bias: randomArray(channels, seed + 2),
    residual: randomArray(pixels * channels, seed + 3),
    runningMean: randomArray(channels, seed + 4),
    runningVariance: randomArray(channels, seed + 5, 0.5, 2),
  };
}

interface StatisticsError {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** Relative, of 1 / sqrt(variance + epsilon). */
  readonly inverse: Float64Array;
}

/** Rounding error of the statistics, taken from sums of the distances to the channel's first value. */
function statisticsError({ x, pixels, channels }: Norm): StatisticsError {
  const { mean, variance } = batchStatisticsReference(x, channels);
  const distance = new Float64Array(channels);
  const square = new Float64Array(channels);
  x.forEach((value, i) => {
    const d = Math.abs(value - x[i % channels]!);
    distance[i % channels]! += d / pixels;
    square[i % channels]! += (d * d) / pixels;
  });
  const errors = {
    mean: mean.map((value, c) => EPSILON * (Math.abs(value) + (pixels + 4) * distance[c]!)),
    variance: variance.map((_, c) => (pixels + 8) * EPSILON * (square[c]! + distance[c]! ** 2)),
  };
  const inverse = variance.map((value, c) => errors.variance[c]! / (2 * (value + epsilon)) + inverseRootError);
  return { ...errors, inverse };
}

function train(norm: Norm, behind: BehindNorm): Promise<Outputs> {
  const { x, weight, bias, residual, runningMean, runningVariance } = norm;
  const plan = planBatchNormTraining(shapeOf(norm), { ...behind, epsilon, momentum });
  return runPlan(device, plan, {
    input: x,
    weight,
    bias,
    runningMean,
    runningVariance,
    ...(behind.residual && { residual }),
  });
}

/** Scale and shift lose what the products of scale with value and mean lose, and more where these cancel. */
function outputError(norm: Norm, mean: ArrayLike<number>, variance: ArrayLike<number>, error: StatisticsError) {
  const { x, channels, weight, bias, residual } = norm;
  return Float64Array.from(x, (value, i) => {
    const c = i % channels;
    const scale = Math.abs(weight[c]!) / Math.sqrt(variance[c]! + epsilon);
    const products = 4 * EPSILON * (Math.abs(value) + Math.abs(mean[c]!)) + error.mean[c]!;
    const normalised = Math.abs(value - mean[c]!) * error.inverse[c]!;
    return scale * (products + normalised) + 8 * EPSILON * (Math.abs(bias[c]!) + Math.abs(residual[i]!));
  });
}

function behindNorm(y: Float64Array, residual: Floats, behind: BehindNorm): Float64Array {
  return y.map((value, i) => {
    const sum = behind.residual ? value + residual[i]! : value;
    return behind.relu ? Math.min(Math.max(sum, 0), behind.maximum ?? Infinity) : sum;
  });
}

const behinds: readonly BehindNorm[] = [
  {},
  { relu: true },
  { relu: true, maximum: 0.75 },
  { residual: true },
  { residual: true, relu: true },
  { residual: true, relu: true, maximum: 0.5 },
];

/** Below, at and above a slice of pixels, a vector and a workgroup's lanes. */
const sizes = [
  [2, 1],
  [31, 3],
  [33, 6],
  [50, 64],
  [97, 260],
  [9000, 5],
] as const;

describe('batch normalisation in training', () => {
  it.each(sizes)('of %i pixels and %i channels has the statistics of the batch', async (pixels, channels) => {
    const norm = makeNorm(pixels, channels, 0.5, 2);
    await expectTraining(norm, behinds[pixels % 4]!);
  });

  it.each([100, 3000, -20_000])('keeps its statistics where the mean is %d deviations', async (ratio) => {
    for (const behind of behinds) await expectTraining(makeNorm(300, 6, 0.01 * ratio, 0.01), behind);
  });

  it.each([1e18, 3e19, 1e25, Infinity, Number.NaN])('takes no variance for 0 that %d makes overflow', async (value) => {
    const x = Float32Array.of(value, -value, value, -value);
    const result = await runPlan(device, planBatchNormTraining({ pixels: 4, channels: 1 }, { epsilon, momentum }), {
      input: x,
      weight: Float32Array.of(1),
      bias: Float32Array.of(0),
      runningMean: Float32Array.of(0),
      runningVariance: Float32Array.of(1),
    });
    const [variance] = result.floats('runningVariance');
    if (value === 1e18) expect(variance).toBeGreaterThan(1e35);
    else expect(Number.isFinite(variance)).toBe(false);
  });

  it('normalises a channel of equal values to its bias', async () => {
    const norm = makeNorm(40, 4, 0, 1);
    norm.x.fill(1234.5);
    const result = await train(norm, {});
    const coefficients = result.floats('coefficients');
    expect([...coefficients.subarray(8, 12)]).toEqual([1234.5, 1234.5, 1234.5, 1234.5]);
    const scales = Float64Array.from(norm.weight, (weight) => Math.abs(weight) / Math.sqrt(epsilon));
    const bound = norm.x.map((_, i) => 4 * EPSILON * (1234.5 * scales[i % 4]! + 1));
    const expected = Float64Array.from(norm.x, (_, i) => norm.bias[i % 4]!);
    expectClose(result.floats('output'), expected, bound, 'equal values');
  });

  async function expectTraining(norm: Norm, behind: BehindNorm): Promise<void> {
    const { x, weight, bias, residual, pixels, channels } = norm;
    const result = await train(norm, behind);
    const { y, mean, variance } = batchNormReference({ x, scale: weight, shift: bias, epsilon });
    const error = statisticsError(norm);
    const what = `batch norm ${pixels} x ${channels}`;
    const coefficients = result.floats('coefficients');
    expectClose(coefficients.subarray(2 * channels, 3 * channels), mean, error.mean, `${what} mean`);
    const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon));
    const inverseBound = inverse.map((value, c) => value * error.inverse[c]!);
    expectClose(coefficients.subarray(3 * channels), inverse, inverseBound, `${what} inverse deviation`);
    const bound = outputError(norm, mean, variance, error);
    expectClose(result.floats('output'), behindNorm(y, residual, behind), bound, `${what} output`);

    const before = { mean: norm.runningMean, variance: norm.runningVariance };
    const running = runningStatisticsReference(before, { mean, variance }, pixels, momentum);
    const blendError = (name: 'mean' | 'variance', correction: number) =>
      running[name].map(
        (value, c) =>
          momentum * correction * error[name][c]! + 8 * EPSILON * (Math.abs(value) + Math.abs(before[name][c]!)),
      );
    expectClose(result.floats('runningMean'), running.mean, blendError('mean', 1), `${what} running mean`);
    const correction = pixels / (pixels - 1);
    const varianceError = blendError('variance', correction);
    expectClose(result.floats('runningVariance'), running.variance, varianceError, `${what} running variance`);
  }
});

describe('batch normalisation at inference', () => {
  it.each(sizes)('of %i pixels and %i channels folds into scale and shift', async (pixels, channels) => {
    for (const behind of behinds) {
      const norm = makeNorm(pixels, channels, 0.5, 2);
      const { x, weight, bias, residual, runningMean, runningVariance } = norm;
      const folded = await runPlan(device, planBatchNormFold(channels, epsilon), {
        weight,
        bias,
        runningMean,
        runningVariance,
      });
      const result = await runPlan(device, planBatchNormInference(shapeOf(norm), behind), {
        input: x,
        scaleShift: folded.floats('scaleShift'),
        ...(behind.residual && { residual }),
      });
      const statistics = { mean: runningMean, variance: runningVariance };
      const y = batchNormInferenceReference({ x, scale: weight, shift: bias, epsilon }, statistics);
      const exact = new Float64Array(channels);
      const error = { mean: exact, variance: exact, inverse: exact.map(() => inverseRootError) };
      const bound = outputError(norm, runningMean, runningVariance, error);
      const what = `inference ${pixels} x ${channels}`;
      expectClose(result.floats('output'), behindNorm(y, residual, behind), bound, what);
    }
  });

  it('keeps NaN through the ReLU', async () => {
    const norm = makeNorm(3, 4, 0, 1);
    norm.x[5] = Number.NaN;
    const scaleShift = randomArray(8, 1);
    const result = await runPlan(device, planBatchNormInference(shapeOf(norm), { relu: true }), {
      input: norm.x,
      scaleShift,
    });
    expect([...result.floats('output')].map(Number.isNaN)).toEqual([...norm.x].map(Number.isNaN));
  });
});

describe('the gradient of batch normalisation', () => {
  it.each(sizes)('of %i pixels and %i channels', async (pixels, channels) => {
    for (const behind of behinds) await expectGradient(makeNorm(pixels, channels, 0.5, 2), behind, false);
  });

  it('holds where the mean is large, and adds to the gradient of the residual', async () => {
    for (const behind of behinds) await expectGradient(makeNorm(300, 6, 30, 0.01), behind, true);
  });

  it.each(activationFunctions)('with %s behind it is that of both one after the other', async (name) => {
    const activation = activationOf(name);
    for (const [pixels, channels] of sizes.slice(1)) {
      const norm = makeNorm(pixels, channels, 0.5, 2);
      const { x, weight } = norm;
      const plain = await train(norm, {});
      const before = plain.floats('output');
      const forward = await train(norm, { activation });
      const after = await runPlan(device, planActivation(x.length, name), { input: before });
      expect(forward.integers('output')).toEqual(after.integers('output'));

      const gradient = randomArray(x.length, 93);
      const back = await runPlan(device, planActivationGradient(x.length, name), { gradient, input: before });
      const dy = back.floats('inputGradient');
      const expected = batchNormBackwardReference({ x, scale: weight, epsilon, dy });
      const bounds = gradientError(norm, dy, expected);
      const coefficients = forward.floats('coefficients');
      const plan = planBatchNormGradient(shapeOf(norm), { activation });
      const result = await runPlan(device, plan, { gradient, input: x, coefficients });
      const inPlan = planBatchNormGradient(shapeOf(norm), { activation, inPlace: true });
      const inPlace = await runPlan(device, inPlan, { inputGradient: gradient, input: x, coefficients });
      expect(inPlace.integers('inputGradient')).toEqual(result.integers('inputGradient'));
      const what = `batch norm gradient ${pixels} x ${channels} with ${name}`;
      expectClose(result.floats('biasGradient'), expected.dShift, bounds.dShift, `${what} bias`);
      expectClose(result.floats('weightGradient'), expected.dScale, bounds.dScale, `${what} weight`);
      expectClose(result.floats('inputGradient'), expected.dx, bounds.dx, `${what} input`);
    }
  });

  it('takes no other activation behind a residual', () => {
    const options = { residual: true, activation: activationOf('silu') };
    expect(() => planBatchNormGradient({ pixels: 4, channels: 1 }, options)).toThrow('none with residual');
  });

  async function expectGradient(norm: Norm, behind: BehindNorm, accumulateResidual: boolean): Promise<void> {
    const { x, weight, pixels, channels } = norm;
    const forward = await train(norm, behind);
    const gradient = randomArray(x.length, 91);
    const before = randomArray(x.length, 92);
    const activation = forward.floats('output');
    const accumulates = behind.residual && accumulateResidual;
    const plan = planBatchNormGradient(shapeOf(norm), { ...behind, ...(accumulates && { accumulateResidual }) });
    const result = await runPlan(device, plan, {
      gradient,
      input: x,
      coefficients: forward.floats('coefficients'),
      ...(behind.relu && { activation }),
      ...(accumulates && { residualGradient: before }),
    });

    const inPlace = await runPlan(
      device,
      planBatchNormGradient(shapeOf(norm), { ...behind, ...(accumulates && { accumulateResidual }), inPlace: true }),
      {
        inputGradient: gradient,
        input: x,
        coefficients: forward.floats('coefficients'),
        ...(behind.relu && { activation }),
        ...(accumulates && { residualGradient: before }),
      },
    );
    for (const name of ['inputGradient', 'weightGradient', ...(behind.residual ? ['residualGradient'] : [])]) {
      expect(inPlace.integers(name), name).toEqual(result.integers(name));
    }

    const { maximum = Infinity } = behind;
    const passes = (value: number) => value > 0 && value < maximum;
    const dy = gradient.map((value, i) => (behind.relu && !passes(activation[i]!) ? 0 : value));
    const expected = batchNormBackwardReference({ x, scale: weight, epsilon, dy });
    const bounds = gradientError(norm, dy, expected);
    const what = `batch norm gradient ${pixels} x ${channels}`;
    expectClose(result.floats('biasGradient'), expected.dShift, bounds.dShift, `${what} bias`);
    expectClose(result.floats('weightGradient'), expected.dScale, bounds.dScale, `${what} weight`);
    expectClose(result.floats('inputGradient'), expected.dx, bounds.dx, `${what} input`);
    if (behind.residual) {
      const sum = Float64Array.from(dy, (value, i) => (accumulates ? before[i]! + value : value));
      const bound = sum.map((value) => (accumulates ? EPSILON * Math.abs(value) : 0));
      expectClose(result.floats('residualGradient'), sum, bound, `${what} residual`);
    }
  }

  function gradientError(norm: Norm, dy: Floats, { dScale, dShift }: Record<'dScale' | 'dShift', Float64Array>) {
    const { x, pixels, channels, weight } = norm;
    const { mean, variance } = batchStatisticsReference(x, channels);
    const error = statisticsError(norm);
    const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon));
    const distance = (i: number) => Math.abs(x[i]! - mean[i % channels]!) * inverse[i % channels]!;
    const distanceError = (i: number) => {
      const c = i % channels;
      return inverse[c]! * error.mean[c]! + distance(i) * (error.inverse[c]! + 2 * EPSILON);
    };
    const sums = new Float64Array(channels);
    const products = new Float64Array(channels);
    const productErrors = new Float64Array(channels);
    dy.forEach((value, i) => {
      sums[i % channels]! += Math.abs(value);
      products[i % channels]! += Math.abs(value) * distance(i);
      productErrors[i % channels]! += Math.abs(value) * distanceError(i);
    });
    const shiftError = summationBound(pixels + 1, sums);
    const scaleError = summationBound(pixels + 4, products).map((value, c) => value + productErrors[c]!);
    const dx = Float64Array.from(dy, (value, i) => {
      const c = i % channels;
      const scale = Math.abs(weight[c]!) * inverse[c]!;
      const terms = Math.abs(value) + (Math.abs(dShift[c]!) + distance(i) * Math.abs(dScale[c]!)) / pixels;
      const parts = shiftError[c]! + distance(i) * scaleError[c]! + distanceError(i) * Math.abs(dScale[c]!);
      return scale * (terms * (2 * error.inverse[c]! + 12 * EPSILON) + parts / pixels);
    });
    return { dShift: shiftError, dScale: scaleError, dx };
  }
});
