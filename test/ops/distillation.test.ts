import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { type DistillationLoss, planLogitDistillation, planTableRows } from '../../src/ops/distillation.js';
import {
  type DistillationOperands,
  type DistillationResult,
  divergenceReference,
  squaredDistanceReference,
} from '../reference/distillation.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { type Outputs, runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

type Floats = Float32Array<ArrayBuffer>;

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const losses: readonly DistillationLoss[] = [
  { loss: 'mse' },
  { loss: 'kl' },
  { loss: 'kl', temperature: 4 },
  { loss: 'kl', temperature: 0.5 },
];

function reference(operands: DistillationOperands, { loss, temperature = 1 }: DistillationLoss): DistillationResult {
  return loss === 'mse' ? squaredDistanceReference(operands) : divergenceReference(operands, temperature);
}

function distil(
  { logits, teacher, gradient }: Readonly<Record<'logits' | 'teacher' | 'gradient', Floats>>,
  classes: number,
  loss: DistillationLoss,
  weight: number,
): Promise<Outputs> {
  const plan = planLogitDistillation({ batch: logits.length / classes, classes }, loss);
  return runPlan(device, plan, { logits, teacher, gradient, weight: Float32Array.of(weight, 0, 0, 0) });
}

/**
 * Relative to logits of at most `range`. Every term of mse is a difference of two logits, squared and summed. For kl WGSL
 * allows exp(x) 3 + 2 |x| units in the last place and log 2^-21 or 3 units; a divergence is a sum of differences of two
 * logarithms weighted by shares that sum to 1.
 */
function bounds(
  { logits, teacher, classes }: DistillationOperands,
  { loss, temperature = 1 }: DistillationLoss,
  weight: number,
  range: number,
): { distances: Float64Array; gradient: Float64Array } {
  const batch = logits.length / classes;
  const distances = new Float64Array(batch);
  const gradient = new Float64Array(logits.length);
  if (loss === 'mse') {
    for (let i = 0; i < logits.length; i++) {
      const difference = Math.abs(logits[i]! - teacher[i]!);
      distances[Math.floor(i / classes)]! += ((classes + 6) * EPSILON * difference ** 2) / classes;
      gradient[i] = (8 * EPSILON * weight * 2 * difference) / (batch * classes) + 2 * EPSILON;
    }
    return { distances, gradient };
  }
  const spread = (2 * range) / temperature;
  const unit = 2 * EPSILON;
  const relative = (3 + 4 * spread) * unit * 2 + classes * EPSILON;
  const logarithm = relative + 2 ** -21 + 6 * unit * (spread + Math.log(classes));
  const term = 2 * logarithm + (relative + classes * EPSILON) * 2 * (spread + Math.log(classes));
  distances.fill(temperature ** 2 * term);
  gradient.fill((weight * temperature * 2 * (relative + 6 * unit)) / batch + 2 * EPSILON);
  return { distances, gradient };
}

describe.each(losses)('distillation by $loss, temperature $temperature', (loss) => {
  it.each([
    [1, 1],
    [3, 2],
    [64, 10],
    [65, 10],
    [7, 1000],
  ])('of %i examples and %i classes', async (batch, classes) => {
    for (const [range, weight] of [
      [3, 1],
      [20, 0.3],
    ] as const) {
      const logits = randomArray(batch * classes, 1, -range, range);
      const teacher = randomArray(batch * classes, 2, -range, range);
      const gradient = randomArray(batch * classes, 3);
      const operands = { logits, teacher, classes };
      const expected = reference(operands, loss);
      const bound = bounds(operands, loss, weight, range);
      const result = await distil({ logits, teacher, gradient }, classes, loss, weight);
      const what = `${batch} x ${classes} within ${range}`;
      expectClose(result.floats('distances'), expected.distances, bound.distances, `${loss.loss} distances ${what}`);
      const exact = Float64Array.from(gradient, (value, i) => value + Math.fround(weight) * expected.dLogits[i]!);
      expectClose(result.floats('gradient'), exact, bound.gradient, `${loss.loss} gradient ${what}`);
    }
  });

  it('has the gradient that small steps show', () => {
    const [batch, classes, step] = [3, 5, 1e-5];
    const logits = Float64Array.from(randomArray(batch * classes, 4, -3, 3));
    const teacher = Float64Array.from(randomArray(batch * classes, 5, -3, 3));
    const { dLogits } = reference({ logits, teacher, classes }, loss);
    logits.forEach((value, i) => {
      const at = (moved: number): number =>
        reference({ logits: logits.with(i, moved), teacher, classes }, loss).distance;
      expect((at(value + step) - at(value - step)) / (2 * step)).toBeCloseTo(dLogits[i]!, 8);
    });
  });

  it('is zero, and leaves the gradient, where student and teacher agree', async () => {
    const logits = randomArray(20, 6, -5, 5);
    const gradient = randomArray(20, 7);
    const result = await distil({ logits, teacher: logits.slice(), gradient }, 10, loss, 2);
    expect([...result.floats('distances')]).toEqual([0, 0]);
    expect(result.floats('gradient')).toEqual(gradient);
  });

  it('leaves the gradient with a weight of 0', async () => {
    const gradient = randomArray(20, 8);
    const given = { logits: randomArray(20, 9), teacher: randomArray(20, 10), gradient };
    expect((await distil(given, 10, loss, 0)).floats('gradient')).toEqual(gradient);
  });

  it('is NaN for an example whose logits hold NaN, for no other', async () => {
    const logits = randomArray(9, 11);
    logits[4] = Number.NaN;
    const given = { logits, teacher: randomArray(9, 12), gradient: randomArray(9, 13) };
    const result = await distil(given, 3, loss, 1);
    expect([...result.floats('distances')].map(Number.isNaN)).toEqual([false, true, false]);
  });
});

describe('divergence', () => {
  it('does not overflow with far logits', async () => {
    const logits = Float32Array.of(1e4, -1e4, 0, 0);
    const teacher = Float32Array.of(1e4, -1e4, 80, -80);
    const result = await distil({ logits, teacher, gradient: new Float32Array(4) }, 2, { loss: 'kl' }, 1);
    expectClose(result.floats('distances'), [0, Math.log(2)], [0, 2 ** -20], 'divergence of far logits');
    expectClose(result.floats('gradient'), [0, 0, -0.25, 0.25], 2 ** -22, 'its gradient');
  });

  it('takes a class that the teacher rules out', async () => {
    const logits = Float32Array.of(0, 0);
    const teacher = Float32Array.of(0, Number.NEGATIVE_INFINITY);
    const result = await distil({ logits, teacher, gradient: new Float32Array(2) }, 2, { loss: 'kl' }, 1);
    expectClose(result.floats('distances'), [Math.log(2)], [2 ** -20], 'divergence from a certain teacher');
    expectClose(result.floats('gradient'), [-0.5, 0.5], 2 ** -22, 'its gradient');
  });
});

describe('rows of a table', () => {
  const shape = { entries: 23, rows: 7, columns: 5 };
  const indices = Uint32Array.of(22, 0, 13, 4, 5, 11, 1);
  const rows = randomArray(35, 14);

  it('are put where their indices say, and nothing else is touched', async () => {
    const table = randomArray(115, 15);
    const result = (await runPlan(device, planTableRows(shape, 'store'), { table, rows, indices })).floats('table');
    const expected = table.slice();
    for (const [n, entry] of indices.entries()) expected.set(rows.subarray(5 * n, 5 * n + 5), 5 * entry);
    expect(result).toEqual(expected);
    const back = await runPlan(device, planTableRows(shape, 'load'), { table: result, indices });
    expect(back.floats('rows')).toEqual(rows);
  });

  it('may be taken twice', async () => {
    const many = { entries: 3, rows: 200, columns: 1 };
    const chosen = randomIntegers(200, 16, 3);
    const table = Float32Array.of(1, 2, 3);
    const result = await runPlan(device, planTableRows(many, 'load'), { table, indices: chosen });
    expect([...result.floats('rows')]).toEqual([...chosen].map((entry) => table[entry]));
  });

  it('beyond the table are left out', async () => {
    const table = randomArray(115, 17);
    const outside = new Uint32Array(7).map((_, n) => (n === 3 ? 2 : 23 + n));
    const result = (await runPlan(device, planTableRows(shape, 'store'), { table, rows, indices: outside })).floats(
      'table',
    );
    const expected = table.slice();
    expected.set(rows.subarray(15, 20), 10);
    expect(result).toEqual(expected);
  });
});

describe('plans', () => {
  it.each([
    ['batch', { batch: 0, classes: 3 }, { loss: 'mse' }],
    ['classes', { batch: 1, classes: 1.5 }, { loss: 'mse' }],
    ['loss', { batch: 1, classes: 3 }, { loss: 'l1' }],
    ['temperature', { batch: 1, classes: 3 }, { loss: 'kl', temperature: 0 }],
    ['temperature', { batch: 1, classes: 3 }, { loss: 'kl', temperature: Number.NaN }],
    ['temperature', { batch: 1, classes: 3 }, { loss: 'mse', temperature: 2 }],
  ])('refuse a %s that means nothing', (parameter, shape, loss) => {
    const plan = () => planLogitDistillation(shape, loss as DistillationLoss);
    expect(plan).toThrow(ShapeError);
    expect(plan).toThrow(new RegExp(`^logitDistillation: ${parameter}: `));
  });

  it.each(['entries', 'rows', 'columns'])('refuse no %s', (name) => {
    const shape = { entries: 2, rows: 2, columns: 2, [name]: 0 };
    expect(() => planTableRows(shape, 'load')).toThrow(new RegExp(`^tableRows: ${name}: `));
  });
});
