import evaluationText from '../../kernels/evaluation_metrics.wgsl?raw';
import rankText from '../../kernels/label_rank.wgsl?raw';
import finiteText from '../../kernels/shared/finite.wgsl?raw';
import stepStateText from '../../kernels/shared/step_state.wgsl?raw';
import lossText from '../../kernels/softmax_cross_entropy.wgsl?raw';
import stepText from '../../kernels/step_metrics.wgsl?raw';
import { ShapeError } from '../errors.js';
import { checkShape } from './fields.js';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { requireInteger } from './windows.js';

/** Logits of a batch. */
export interface LogitsShape {
  /** Rows. */
  readonly batch: number;
  /** Columns. */
  readonly classes: number;
}

/** Bytes of the {@link StepState} uniform. */
export const stepStateBytes = 16;

/** Bytes of a training's status: 1 + the first step that was not finite, or 0; and what of it was not. */
export const statusBytes = 8;

/**
 * Bytes of a loss scale, float32 [8]: 1 / scale, scale, the two bias corrections of AdamW's next update, good steps since the scale
 * has changed, two decays 1 - beta, and one unused.
 */
export const lossScaleBytes = 32;

/**
 * Softmax cross entropy with label smoothing, as PyTorch's.
 *
 * Operands: logits [N, C], labels [N] (u32), losses [N] (overwritten); with `gradient` also gradient [N, C], of the mean
 * over the batch, or over `meanOver` examples where the batch is a part of them (overwritten); with `precision` float16 it is
 * that, times the second value of lossScale [8], and there is status.
 *
 * @throws ShapeError for smoothing outside [0, 1] or a size that is no positive integer.
 */
export function planCrossEntropy(
  shape: LogitsShape,
  options: {
    readonly labelSmoothing?: number;
    readonly gradient?: boolean;
    readonly meanOver?: number;
  } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'crossEntropy';
  checkLogits(operation, shape);
  const { labelSmoothing = 0, gradient = false, precision = 'float32' } = options;
  const scaled = gradient && precision === 'float16';
  const checked = checkedStep(scaled);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    const got = String(labelSmoothing);
    throw new ShapeError({ operation, parameter: 'labelSmoothing', expected: 'a number from 0 to 1', got });
  }
  const { batch, classes } = shape;
  const { meanOver = batch } = options;
  requireInteger(meanOver, 1, 'meanOver', { operation, prefix: '' });
  return {
    operation,
    operands: {
      logits: { bytes: tensorBytes(batch, classes), use: 'input' },
      labels: { bytes: tensorBytes(batch), use: 'input' },
      losses: { bytes: tensorBytes(batch), use: 'output' },
      ...(gradient && { gradient: storedOperand(precision, 'output', batch, classes) }),
      ...(scaled && { lossScale: { bytes: lossScaleBytes, use: 'input' as const }, ...statusOperand(precision) }),
    },
    steps: [
      {
        kernel: {
          name: 'softmax_cross_entropy',
          text: lossText,
          shared: [...storedTexts(1, scaled ? precision : 'float32'), ...checked.shared],
        },
        constants: {
          BATCH: batch,
          CLASSES: classes,
          MEAN_OVER: meanOver,
          SMOOTHING: { f32: labelSmoothing },
          GRADIENT: gradient,
          SCALED: scaled,
          ...checked.constants,
        },
        workgroups: threadGroups(batch),
        operands: {
          logits: 'logits',
          labels: 'labels',
          losses: 'losses',
          ...(gradient && { gradient: 'gradient' }),
          ...(scaled && { loss_scale: 'lossScale' }),
          ...checked.operands,
        },
      },
    ],
  };
}

/**
 * How many classes are ahead of each label; an example is right within the top k where its rank is below k.
 *
 * Operands: logits [N, C], labels [N] (u32), ranks [N] (u32, overwritten).
 */
export function planLabelRank(shape: LogitsShape): OperationPlan {
  checkLogits('labelRank', shape);
  const { batch, classes } = shape;
  return {
    operation: 'labelRank',
    operands: {
      logits: { bytes: tensorBytes(batch, classes), use: 'input' },
      labels: { bytes: tensorBytes(batch), use: 'input' },
      ranks: { bytes: tensorBytes(batch), use: 'output' },
    },
    steps: [
      {
        kernel: { name: 'label_rank', text: rankText },
        constants: { BATCH: batch, CLASSES: classes },
        workgroups: threadGroups(batch),
        operands: { logits: 'logits', labels: 'labels', ranks: 'ranks' },
      },
    ],
  };
}

/** How the metrics of a step are kept. */
export interface StepMetricsOptions {
  /** Keeps the mean distance from a teacher's logits, too. Default false. */
  readonly distances?: boolean;
  /** Examples over which the means are taken, where a step's batch comes in parts; the batch where left out. */
  readonly meanOver?: number;
  /** Adds to what an earlier part of the step left in the rings. Default false. */
  readonly accumulate?: boolean;
  /** Running statistics, a multiple of 4, that the step arrived at, and that are kept where it is good. None where left out. */
  readonly statistics?: number;
}

/**
 * Keeps a step's mean loss and number of right examples in a ring of `ring` steps, and the running statistics that it arrived
 * at, unless one of the means or statistics is not finite, or the status has noted a step: then it notes this one, if it is the
 * first, and leaves the running statistics alone.
 *
 * Operands: losses, ranks [N], ring [ring, 2], status [2] (u32: 0, or 1 + that step; 0 for a mean, 1 + the index of a
 * statistic, up to 3 too low, 0xffffffff for an update), stepState (uniform); with `distances` also distances [N] and
 * distanceRing [ring]; with `statistics` also statistics and running [statistics].
 *
 * @throws ShapeError for a size that is no positive integer, and for statistics that are no multiple of 4.
 */
export function planStepMetrics(batch: number, ring: number, options: StepMetricsOptions = {}): OperationPlan {
  const operation = 'stepMetrics';
  const { distances = false, meanOver = batch, accumulate = false, statistics = 0 } = options;
  const place = { operation, prefix: '' };
  requireInteger(batch, 1, 'batch', place);
  requireInteger(ring, 1, 'ring', place);
  requireInteger(meanOver, 1, 'meanOver', place);
  requireInteger(statistics / 4, 0, 'statistics / 4', place);
  return {
    operation,
    operands: {
      losses: { bytes: tensorBytes(batch), use: 'input' },
      ranks: { bytes: tensorBytes(batch), use: 'input' },
      ring: { bytes: tensorBytes(ring, 2), use: 'inout' },
      status: { bytes: statusBytes, use: 'inout' },
      ...(distances && {
        distances: { bytes: tensorBytes(batch), use: 'input' as const },
        distanceRing: { bytes: tensorBytes(ring), use: 'inout' as const },
      }),
      ...(statistics > 0 && {
        statistics: { bytes: tensorBytes(statistics), use: 'input' as const },
        running: { bytes: tensorBytes(statistics), use: 'inout' as const },
      }),
      stepState: { bytes: stepStateBytes, use: 'uniform' },
    },
    steps: [
      {
        kernel: { name: 'step_metrics', text: stepText, shared: [stepStateText, finiteText] },
        constants: {
          BATCH: batch,
          RING: ring,
          MEAN_OVER: meanOver,
          ACCUMULATE: accumulate,
          DISTANCES: distances,
          COUNT: statistics,
        },
        workgroups: 1,
        operands: {
          losses: 'losses',
          ranks: 'ranks',
          ring: 'ring',
          status: 'status',
          step_state: 'stepState',
          ...(distances && { distances: 'distances', distance_ring: 'distanceRing' }),
          ...(statistics > 0 && { statistics: 'statistics', running: 'running' }),
        },
      },
    ],
  };
}

/**
 * Adds a batch to an evaluation's totals.
 *
 * Operands: losses, ranks, labels [N] (a label of 0xffffffff marks an empty place), totals [4]: sum of losses, right,
 * right within the top `top`, examples.
 */
export function planEvaluationMetrics(batch: number, top: number): OperationPlan {
  const operation = 'evaluationMetrics';
  requireInteger(batch, 1, 'batch', { operation, prefix: '' });
  requireInteger(top, 1, 'top', { operation, prefix: '' });
  const bytes = tensorBytes(batch);
  return {
    operation,
    operands: {
      losses: { bytes, use: 'input' },
      ranks: { bytes, use: 'input' },
      labels: { bytes, use: 'input' },
      totals: { bytes: tensorBytes(4), use: 'inout' },
    },
    steps: [
      {
        kernel: { name: 'evaluation_metrics', text: evaluationText },
        constants: { BATCH: batch, TOP: top },
        workgroups: 1,
        operands: { losses: 'losses', ranks: 'ranks', labels: 'labels', totals: 'totals' },
      },
    ],
  };
}

/** Refuses sizes that are no positive integers. */
export function checkLogits(operation: string, shape: LogitsShape): void {
  const { batch, classes } = shape;
  checkShape(operation, shape, { batch, classes });
}
