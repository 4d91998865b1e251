import { ShapeError } from '../errors.js';

/** How the learning rate moves from step to step, ahead of which it may warm up linearly. */
export type Schedule = {
  /** Steps over which the rate rises linearly from near 0; 0 where left out. */
  readonly warmUp?: number;
} & (
  | {
      /** The same rate from the warm-up on. */
      readonly kind: 'constant';
    }
  | {
      /** Multiplies the rate by `factor` at each milestone. */
      readonly kind: 'step';
      /** Steps, counted from 0. */
      readonly milestones: readonly number[];
      /** Mostly below 1. */
      readonly factor: number;
    }
  | {
      /** Falls along half a cosine from the full rate to 0 over the steps behind the warm-up (arXiv 1608.03983). */
      readonly kind: 'cosine';
    }
);

/**
 * The learning rate of a step.
 *
 * @param peak - the optimiser's learning rate
 * @param step - counted from 0
 * @param steps - steps of the whole training
 */
export function learningRateAt(schedule: Schedule, peak: number, step: number, steps: number): number {
  const warmUp = schedule.warmUp ?? 0;
  if (step < warmUp) return (peak * (step + 1)) / (warmUp + 1);
  switch (schedule.kind) {
    case 'constant':
      return peak;
    case 'step':
      return peak * schedule.factor ** schedule.milestones.filter((milestone) => step >= milestone).length;
    case 'cosine': {
      const done = (step - warmUp) / Math.max(steps - warmUp, 1);
      return (peak * (1 + Math.cos(Math.PI * Math.min(done, 1)))) / 2;
    }
  }
}

/**
 * Refuses a schedule that means nothing.
 *
 * @throws ShapeError
 */
export function checkSchedule(schedule: Schedule): void {
  const refuse = (parameter: string, expected: string, got: unknown): never => {
    throw new ShapeError({ operation: 'schedule', parameter, expected, got: String(got) });
  };
  const { kind, warmUp = 0 } = schedule;
  if (!Number.isSafeInteger(warmUp) || warmUp < 0) refuse('warmUp', 'a non-negative integer', warmUp);
  if (kind !== 'constant' && kind !== 'step' && kind !== 'cosine') refuse('kind', 'constant, step or cosine', kind);
  if (schedule.kind !== 'step') return;
  const { factor, milestones } = schedule;
  if (!(factor > 0 && Number.isFinite(factor))) refuse('factor', 'a positive number', factor);
  if (!milestones.every((step) => Number.isSafeInteger(step) && step >= 0)) {
    refuse('milestones', 'non-negative integers', milestones);
  }
}
