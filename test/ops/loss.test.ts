import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planCrossEntropy, planEvaluationMetrics, planLabelRank, planStepMetrics } from '../../src/ops/loss.js';
import { crossEntropyReference, logSoftmaxReference, topKCountReference } from '../reference/loss.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { type Outputs, runPlan } from '../support/runPlan.js';
import { stepState } from '../support/stepState.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

type Floats = Float32Array<ArrayBuffer>;
type Integers = Uint32Array<ArrayBuffer>;

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

describe('cross entropy', () => {
  const sizes = [
    [1, 1],
    [3, 2],
    [64, 10],
    [65, 10],
    [7, 1000],
  ] as const;

  it.each(sizes)('of %i examples and %i classes', async (batch, classes) => {
    const labels = randomIntegers(batch, 1, classes);
    for (const range of [3, 60, 1e4]) {
      const logits = randomArray(batch * classes, 2, -range, range);
      for (const smoothing of [0, 0.1, 1]) await expectLoss(logits, labels, classes, smoothing);
    }
  });

  it('takes a class that is ruled out, as long as it is not the label', async () => {
    const logits = Float32Array.of(0, Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY);
    const result = await loss(logits, Uint32Array.of(0, 1), 2, 0);
    expect([...result.floats('losses')]).toEqual([0, Number.POSITIVE_INFINITY]);
    expect([...result.floats('gradient')]).toEqual([0, 0, 0.5, -0.5]);
  });

  it('does not overflow', async () => {
    const result = await loss(Float32Array.of(1e4, -1e4, 1e4, -1e4), Uint32Array.of(1, 0), 2, 0);
    expectClose(result.floats('losses'), [2e4, 0], [8 * EPSILON * 2e4, 0], 'losses of far logits');
    expect([...result.floats('gradient')]).toEqual([0.5, -0.5, 0, 0]);
  });

  it('is NaN for a label that is no class and for logits that hold NaN or infinity, for no other example', async () => {
    const logits = randomArray(15, 3);
    logits[7] = Number.NaN;
    logits[10] = Infinity;
    const labels = Uint32Array.of(3, 0xffffffff, 0, 1, 2);
    const { losses } = crossEntropyReference({ logits: logits.slice(12), labels: [2], classes: 3 }, 0.1);
    const result = (await loss(logits, labels, 3, 0.1)).floats('losses');
    expect([...result].map(Number.isNaN)).toEqual([true, true, true, true, false]);
    expectClose(result.subarray(4), losses, 1e-6, 'loss beside NaN');
  });

  function loss(logits: Floats, labels: Integers, classes: number, labelSmoothing: number): Promise<Outputs> {
    const plan = planCrossEntropy({ batch: labels.length, classes }, { labelSmoothing, gradient: true });
    return runPlan(device, plan, { logits, labels });
  }

  async function expectLoss(logits: Floats, labels: Integers, classes: number, smoothing: number): Promise<void> {
    const expected = crossEntropyReference({ logits, labels, classes }, smoothing);
    const bounds = lossError(logits, labels, classes, smoothing);
    const result = await loss(logits, labels, classes, smoothing);
    const what = `${labels.length} x ${classes}, smoothing ${smoothing}`;
    expectClose(result.floats('losses'), expected.losses, bounds.losses, `losses ${what}`);
    expectClose(result.floats('gradient'), expected.dLogits, bounds.gradient, `loss gradient ${what}`);
    const plan = planCrossEntropy({ batch: labels.length, classes }, { labelSmoothing: smoothing });
    const alone = await runPlan(device, plan, { logits, labels });
    expect(alone.integers('losses')).toEqual(result.integers('losses'));
  }

  /** What WGSL allows: exp(x) is off by 3 + 2 |x| units in the last place, log by 2^-21 or 3 units. */
  function lossError(logits: Floats, labels: Integers, classes: number, smoothing: number) {
    const unit = 2 * EPSILON;
    const logProbabilities = logSoftmaxReference(logits, classes);
    const losses = new Float64Array(labels.length);
    const gradient = new Float64Array(logits.length);
    labels.forEach((label, n) => {
      const row = logits.subarray(n * classes, (n + 1) * classes);
      const largest = Math.max(...row);
      const probabilities = logProbabilities.subarray(n * classes, (n + 1) * classes).map(Math.exp);
      // Relative, of exp(logit - largest); the difference is rounded, too.
      const exponential = row.map((value) => (3 + 2 * (largest - value)) * unit + EPSILON * (largest - value));
      const total = probabilities.reduce((sum, p, c) => sum + p * exponential[c]!, classes * EPSILON);
      const spread = row.reduce((sum, value) => sum + largest - value, 0) / classes;
      const far = (1 - smoothing) * (largest - row[label]!) + smoothing * spread * (classes + 2);
      losses[n] = total + 2 ** -21 + 4 * unit * Math.log(classes) + 6 * EPSILON * far;
      row.forEach((_, c) => {
        const p = probabilities[c]!;
        const target = (c === label ? 1 - smoothing : 0) + smoothing / classes;
        gradient[n * classes + c] = (p * (exponential[c]! + total + 5 * unit) + 5 * unit * target) / labels.length;
      });
    });
    // exp gives zero below the smallest normal number.
    return { losses, gradient: gradient.map((value) => value + 2 ** -126) };
  }
});

describe('label rank', () => {
  async function ranks(logits: Floats, labels: Integers, classes: number): Promise<number[]> {
    const plan = planLabelRank({ batch: labels.length, classes });
    return [...(await runPlan(device, plan, { logits, labels })).integers('ranks')];
  }

  it.each([
    [1, 1],
    [130, 10],
    [5, 1000],
  ])('counts the classes ahead, for %i examples of %i classes with ties', async (batch, classes) => {
    const logits = randomArray(batch * classes, 4).map((value) => Math.round(value * 5));
    const labels = randomIntegers(batch, 5, classes);
    const result = await ranks(logits, labels, classes);
    for (const k of [1, 2, 5]) {
      const within = result.filter((rank) => rank < k).length;
      expect(within).toBe(topKCountReference({ logits, labels, classes }, k));
    }
  });

  it('puts the lower class first among equals', async () => {
    const logits = Float32Array.of(2, 2, 2, 1, 2, 2, 2, 1, 2, 2, 2, 1);
    expect(await ranks(logits, Uint32Array.of(0, 2, 3), 4)).toEqual([0, 2, 3]);
  });

  it('is never right where a logit is NaN or the label no class', async () => {
    const logits = Float32Array.of(5, 0, Number.NaN, Number.NaN, 0, 0, 9, 8, 7, 9, 8, 7);
    expect(await ranks(logits, Uint32Array.of(0, 0, 3, 0xffffffff), 3)).toEqual([3, 3, 3, 3]);
  });
});

describe('step metrics', () => {
  const ring = 4;

  async function metrics(losses: Floats, ranks: Integers, step: number, noted = 0): Promise<Outputs> {
    return runPlan(device, planStepMetrics(losses.length, ring), {
      losses,
      ranks,
      ring: Float32Array.from({ length: 2 * ring }, (_, i) => -i),
      status: Uint32Array.of(noted, 0),
      stepState: stepState({ step }),
    });
  }

  it.each([
    1, 63, 64, 65, 200,
  ])('hold the mean loss and the right ones of %i examples in the step’s slot', async (n) => {
    const losses = randomArray(n, 6, 0, 4);
    const ranks = randomIntegers(n, 7, 3);
    const result = await metrics(losses, ranks, 6);
    const mean = losses.reduce((sum, value) => sum + value, 0) / n;
    const right = ranks.filter((rank) => rank === 0).length;
    const bound = Float64Array.of(0, 0, 0, 0, (n + 3) * EPSILON * mean, 0, 0, 0);
    expectClose(result.floats('ring'), [0, -1, -2, -3, mean, right, -6, -7], bound, 'step metrics');
    expect([...result.integers('status')]).toEqual([0, 0]);
  });

  it.each([Number.NaN, Infinity, -Infinity])('note the first step with a loss of %d', async (value) => {
    const losses = new Float32Array(70).fill(1);
    losses[69] = value;
    const ranks = new Uint32Array(70);
    expect([...(await metrics(losses, ranks, 41)).integers('status')]).toEqual([42, 0]);
    expect([...(await metrics(losses, ranks, 41, 7)).integers('status')]).toEqual([7, 0]);
    expect([...(await metrics(new Float32Array(70), ranks, 41, 7)).integers('status')]).toEqual([7, 0]);
  });
});

describe('step metrics with distances', () => {
  const ring = 4;

  async function metrics(losses: Floats, distances: Floats): Promise<Outputs> {
    return runPlan(device, planStepMetrics(losses.length, ring, { distances: true }), {
      losses,
      distances,
      ranks: new Uint32Array(losses.length),
      ring: new Float32Array(2 * ring),
      distanceRing: Float32Array.of(-1, -2, -3, -4),
      status: new Uint32Array(2),
      stepState: stepState({ step: 5 }),
    });
  }

  it.each([1, 65, 200])('hold the mean distance of %i examples, too', async (n) => {
    const [losses, distances] = [randomArray(n, 11, 0, 4), randomArray(n, 12, 0, 9)];
    const result = await metrics(losses, distances);
    const [loss, distance] = [losses, distances].map((all) => all.reduce((sum, value) => sum + value, 0) / n);
    const bound = Float64Array.of(0, (n + 3) * EPSILON * distance!, 0, 0);
    expectClose(result.floats('distanceRing'), [-1, distance!, -3, -4], bound, 'step distances');
    expectClose(result.floats('ring').subarray(2, 4), [loss!, n], [(n + 3) * EPSILON * loss!, 0], 'step losses');
    expect([...result.integers('status')]).toEqual([0, 0]);
  });

  it.each([
    ['losses', Number.NaN, 1],
    ['distances', 1, Infinity],
  ])('note the step where %s are not finite', async (_, loss, distance) => {
    const result = await metrics(Float32Array.of(1, loss), Float32Array.of(distance, 1));
    expect([...result.integers('status')]).toEqual([6, 0]);
  });
});

describe('step metrics with statistics', () => {
  const update = 0xffffffff;

  async function metrics(count: number, changes: { strange?: number; loss?: number; status?: readonly number[] } = {}) {
    const { strange, loss = 1, status = [0, 0] } = changes;
    const statistics = randomArray(count, 13);
    if (strange !== undefined) statistics[strange] = Number.NEGATIVE_INFINITY;
    const running = randomArray(count, 14);
    const result = await runPlan(device, planStepMetrics(2, 4, { statistics: count }), {
      losses: Float32Array.of(1, loss),
      ranks: new Uint32Array(2),
      ring: new Float32Array(8),
      status: Uint32Array.from(status),
      statistics,
      running,
      stepState: stepState({ step: 5 }),
    });
    const left = result.floats('running');
    const kept = left.every((value, index) => value === running[index]);
    const taken = left.every((value, index) => value === statistics[index]);
    return { status: [...result.integers('status')], running: kept ? 'kept' : taken ? 'taken' : 'torn' };
  }

  it.each([4, 64, 256, 260, 1000])('take over %i of a good step', async (count) => {
    expect(await metrics(count)).toEqual({ status: [0, 0], running: 'taken' });
  });

  it.each([
    0, 3, 255, 256, 999,
  ])('leave all alone where number %i is not finite, and note its place', async (strange) => {
    const place = 1 + 4 * Math.floor(strange / 4);
    expect(await metrics(1000, { strange })).toEqual({ status: [6, place], running: 'kept' });
  });

  it('name the loss first, then the statistics, then the update, and the first step of all', async () => {
    const kept = (...status: number[]) => ({ status, running: 'kept' });
    expect(await metrics(8, { strange: 4, loss: Number.NaN })).toEqual(kept(6, 0));
    expect(await metrics(8, { strange: 4, status: [6, update] })).toEqual(kept(6, 5));
    expect(await metrics(8, { loss: Infinity, status: [6, update] })).toEqual(kept(6, 0));
    expect(await metrics(8, { status: [6, update] })).toEqual(kept(6, update));
    expect(await metrics(8, { strange: 4, loss: Number.NaN, status: [3, update] })).toEqual(kept(3, update));
  });

  it('come in fours', () => {
    expect(() => planStepMetrics(1, 1, { statistics: 6 })).toThrow(/^stepMetrics: statistics \/ 4: /);
  });
});

describe('evaluation metrics', () => {
  it.each([1, 64, 150])('add %i examples to the totals', async (n) => {
    const losses = randomArray(n, 8, 0, 4);
    const ranks = randomIntegers(n, 9, 8);
    const labels = randomIntegers(n, 10, 10);
    const result = await runPlan(device, planEvaluationMetrics(n, 5), {
      losses,
      ranks,
      labels,
      totals: Float32Array.of(10, 20, 30, 40),
    });
    const sum = losses.reduce((total, value) => total + value, 10);
    const within = (k: number) => ranks.filter((rank) => rank < k).length;
    const bound = [(n + 1) * EPSILON * sum, 0, 0, 0];
    expectClose(result.floats('totals'), [sum, 20 + within(1), 30 + within(5), 40 + n], bound, 'evaluation metrics');
  });

  it('leave out the places that hold no example, whatever their loss', async () => {
    const result = await runPlan(device, planEvaluationMetrics(4, 2), {
      losses: Float32Array.of(1, Number.NaN, 2, Number.NaN),
      ranks: Uint32Array.of(0, 0, 1, 0),
      labels: Uint32Array.of(3, 0xffffffff, 0, 0xffffffff),
      totals: new Float32Array(4),
    });
    expect([...result.floats('totals')]).toEqual([3, 1, 2, 2]);
  });
});
