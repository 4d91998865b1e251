import distillationText from '../../kernels/logit_distillation.wgsl?raw';
import rowsText from '../../kernels/table_rows.wgsl?raw';
import { ShapeError } from '../errors.js';
import { checkLogits, type LogitsShape, lossScaleBytes } from './loss.js';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { requireInteger } from './windows.js';

/** How the distance between a student's logits and a teacher's is measured. */
export interface DistillationLoss {
  /**
   * `mse`: mean over batch and classes of the squared difference. `kl`: T^2 KL(softmax(teacher / T) || softmax(student /
   * T)), mean over the batch.
   */
  readonly loss: 'mse' | 'kl';
  /** T of `kl`; 1 where left out. */
  readonly temperature?: number;
}

/** Bytes of the distillation's uniform: its weight, a float32, and padding. */
export const distillationWeightBytes = 16;

/** Name of the operation that {@link planLogitDistillation} plans. */
export const logitDistillation = 'logitDistillation';

/**
 * Weak logit distillation: the distance between a student's logits and a teacher's, and its weighted gradient.
 *
 * Operands: logits, teacher [N, C], distances [N] (overwritten, not weighted), gradient [N, C] (of the mean over the
 * batch, or over `meanOver` examples where the batch is a part of them, times the weight, added to what is there), weight
 * (uniform, one float32). With `precision` float16 gradient is that, times the second value of lossScale [8], and there is
 * status.
 *
 * @throws ShapeError for a size that is no positive integer, another loss, or a temperature that is no positive number or
 * given with `mse`.
 */
export function planLogitDistillation(
  shape: LogitsShape,
  options: DistillationLoss & { readonly meanOver?: number } & PrecisionOptions,
): OperationPlan {
  const operation = logitDistillation;
  const { loss, temperature, meanOver = shape.batch, precision = 'float32' } = options;
  const scaled = precision === 'float16';
  const checked = checkedStep(scaled);
  checkLogits(operation, shape);
  const refuse = (parameter: string, expected: string, got: unknown): never => {
    throw new ShapeError({ operation, parameter, expected, got: String(got) });
  };
  if (loss !== 'mse' && loss !== 'kl') refuse('loss', 'mse or kl', loss);
  if (loss === 'mse' && temperature !== undefined) refuse('temperature', 'none with mse', temperature);
  const divisor = temperature ?? 1;
  if (!(divisor > 0 && Number.isFinite(divisor))) refuse('temperature', 'a positive number', divisor);
  requireInteger(meanOver, 1, 'meanOver', { operation, prefix: '' });
  const { batch, classes } = shape;
  return {
    operation,
    operands: {
      logits: { bytes: tensorBytes(batch, classes), use: 'input' },
      teacher: { bytes: tensorBytes(batch, classes), use: 'input' },
      distances: { bytes: tensorBytes(batch), use: 'output' },
      gradient: storedOperand(precision, 'inout', batch, classes),
      ...(scaled && { lossScale: { bytes: lossScaleBytes, use: 'input' as const } }),
      ...statusOperand(precision),
      weight: { bytes: distillationWeightBytes, use: 'uniform' },
    },
    steps: [
      {
        kernel: {
          name: 'logit_distillation',
          text: distillationText,
          shared: [...storedTexts(1, precision), ...checked.shared],
        },
        constants: {
          BATCH: batch,
          CLASSES: classes,
          MEAN_OVER: meanOver,
          KL: loss === 'kl',
          TEMPERATURE: { f32: divisor },
          SCALED: scaled,
          ...checked.constants,
        },
        workgroups: threadGroups(batch),
        operands: {
          logits: 'logits',
          teacher: 'teacher',
          distances: 'distances',
          gradient: 'gradient',
          step_weight: 'weight',
          ...(scaled && { loss_scale: 'lossScale' }),
          ...checked.operands,
        },
      },
    ],
  };
}

/**
 * Puts rows into a table by index, or takes them from there.
 *
 * Operands: table [entries, columns], rows [rows, columns], indices [rows] (u32; different ones where rows are stored).
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planTableRows(
  shape: { readonly entries: number; readonly rows: number; readonly columns: number },
  direction: 'store' | 'load',
): OperationPlan {
  const operation = 'tableRows';
  for (const [name, size] of Object.entries(shape)) requireInteger(size, 1, name, { operation, prefix: '' });
  const { entries, rows, columns } = shape;
  const store = direction === 'store';
  return {
    operation,
    operands: {
      table: { bytes: tensorBytes(entries, columns), use: store ? 'inout' : 'input' },
      rows: { bytes: tensorBytes(rows, columns), use: store ? 'input' : 'output' },
      indices: { bytes: tensorBytes(rows), use: 'input' },
    },
    steps: [
      {
        kernel: { name: 'table_rows', text: rowsText },
        constants: { ENTRIES: entries, ROWS: rows, COLUMNS: columns, STORE: store },
        workgroups: threadGroups(rows * columns),
        operands: { table: 'table', rows: 'rows', indices: 'indices' },
      },
    ],
  };
}
