import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { checkSchedule, learningRateAt, type Schedule } from '../../src/train/schedule.js';
import { expectError } from '../models/errors.js';

const ratesOf = (schedule: Schedule, steps: number, peak = 1): number[] =>
  Array.from({ length: steps }, (_, step) => learningRateAt(schedule, peak, step, steps));

describe('learningRateAt', () => {
  it('stays where it is constant', () => {
    expect(ratesOf({ kind: 'constant' }, 4, 0.3)).toEqual([0.3, 0.3, 0.3, 0.3]);
  });

  it('falls by the factor at each milestone, in whatever order they are given', () => {
    const schedule: Schedule = { kind: 'step', milestones: [4, 2], factor: 0.5 };
    expect(ratesOf(schedule, 6, 8)).toEqual([8, 8, 4, 4, 2, 2]);
  });

  it('falls along half a cosine', () => {
    const rates = ratesOf({ kind: 'cosine' }, 8, 2);
    for (const [step, rate] of rates.entries()) expect(rate).toBeCloseTo(1 + Math.cos((Math.PI * step) / 8), 12);
    expect(rates[0]).toBe(2);
    expect(learningRateAt({ kind: 'cosine' }, 2, 8, 8)).toBe(0);
    expect(learningRateAt({ kind: 'cosine' }, 2, 12, 8)).toBe(0);
  });

  it.each(['constant', 'cosine'] as const)('rises linearly to the peak of a %s schedule', (kind) => {
    const rates = ratesOf({ kind, warmUp: 3 }, 11, 4);
    expect(rates.slice(0, 4)).toEqual([1, 2, 3, 4]);
    expect(rates[7]).toBeCloseTo(kind === 'cosine' ? 2 : 4, 12);
  });

  it('counts milestones from the start of the training, warm-up included', () => {
    expect(ratesOf({ kind: 'step', warmUp: 1, milestones: [3], factor: 0.1 }, 4, 2)).toEqual([1, 2, 2, 0.2]);
  });

  it('is a rate even where the warm-up is longer than the training', () => {
    expect(ratesOf({ kind: 'cosine', warmUp: 7 }, 3, 8)).toEqual([1, 2, 3]);
  });
});

describe('checkSchedule', () => {
  const step = { kind: 'step', milestones: [1], factor: 0.1 };
  it.each([
    ['warmUp', { kind: 'constant', warmUp: -1 }],
    ['warmUp', { kind: 'cosine', warmUp: 1.5 }],
    ['warmUp', { kind: 'cosine', warmUp: Number.NaN }],
    ['kind', { kind: 'linear' }],
    ['kind', {}],
    ['factor', { ...step, factor: 0 }],
    ['factor', { ...step, factor: Number.POSITIVE_INFINITY }],
    ['factor', { ...step, factor: Number.NaN }],
    ['milestones', { ...step, milestones: [2, -1] }],
    ['milestones', { ...step, milestones: [0.5] }],
  ])('refuses a wrong %s in %o', (parameter, schedule) => {
    expectError(() => checkSchedule(schedule as Schedule), ShapeError, { operation: 'schedule', parameter });
  });

  it('takes what is sound', () => {
    const sound: Schedule[] = [
      { kind: 'constant' },
      { kind: 'cosine', warmUp: 0 },
      { kind: 'step', milestones: [], factor: 2, warmUp: 5 },
    ];
    for (const schedule of sound) expect(() => checkSchedule(schedule)).not.toThrow();
  });
});
