import adamwText from '../../kernels/adamw.wgsl?raw';
import clipText from '../../kernels/gradient_clip.wgsl?raw';
import squaresText from '../../kernels/gradient_squares.wgsl?raw';
import sgdText from '../../kernels/sgd.wgsl?raw';
import finiteText from '../../kernels/shared/finite.wgsl?raw';
import stepStateText from '../../kernels/shared/step_state.wgsl?raw';
import { ShapeError } from '../errors.js';
import { lossScaleBytes, statusBytes, stepStateBytes } from './loss.js';
import { parameterBlock } from './parameterBlock.js';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { requireInteger } from './windows.js';

/** What the plans of all optimisers take. */
export interface UpdateOptions {
  /** Rows of the operand `settings`. */
  readonly groups: number;
  /** Multiplies the gradients with the first value of the operand `clipping`. Default false. */
  readonly clip?: boolean;
  /**
   * Updates nothing, but notes the step in the status where a value that the update would write is not finite. Default false.
   */
  readonly check?: boolean;
}

/**
 * SGD as PyTorch's, on one flat buffer of parameters.
 *
 * Operands: parameters, gradients, velocities [count]; groups [count / 64] (u32), settings [groups, 4] (learning-rate
 * factor, weight decay, momentum, unused), status [2] (u32, nothing is updated unless its first is 0; with `check`
 * overwritten), stepState (uniform), with `clip` clipping [2].
 *
 * @throws ShapeError unless count is a positive multiple of 64 and groups a positive integer.
 */
export function planSgd(count: number, options: UpdateOptions & { readonly nesterov?: boolean }): OperationPlan {
  const { groups, nesterov = false, clip = false, check = false } = options;
  checkCount('sgd', count);
  requireInteger(groups, 1, 'groups', { operation: 'sgd', prefix: '' });
  return {
    operation: 'sgd',
    operands: {
      ...updateOperands(count, { groups, clip, check }),
      velocities: updatedOperand(count, check),
    },
    steps: [
      {
        kernel: { name: 'sgd', text: sgdText, shared: [stepStateText, finiteText] },
        constants: { COUNT: count, NESTEROV: nesterov, CLIP: clip, CHECK: check },
        workgroups: threadGroups(count / 4),
        operands: { ...updateBindings(clip), velocities: 'velocities' },
      },
    ],
  };
}

/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101) as PyTorch's, on one flat buffer of parameters.
 *
 * Operands: as {@link planSgd}, with means and squares [count] for velocities; settings are (learning-rate factor, weight
 * decay, beta1, beta2).
 *
 * @throws ShapeError unless count is a positive multiple of 64, groups a positive integer and epsilon a positive number.
 */
export function planAdamW(count: number, options: UpdateOptions & { readonly epsilon: number }): OperationPlan {
  const operation = 'adamW';
  const { groups, epsilon, clip = false, check = false } = options;
  checkCount(operation, count);
  requireInteger(groups, 1, 'groups', { operation, prefix: '' });
  checkPositive(operation, 'epsilon', epsilon);
  return {
    operation,
    operands: {
      ...updateOperands(count, { groups, clip, check }),
      means: updatedOperand(count, check),
      squares: updatedOperand(count, check),
    },
    steps: [
      {
        kernel: { name: 'adamw', text: adamwText, shared: [stepStateText, finiteText] },
        constants: { COUNT: count, EPSILON: { f32: epsilon }, CLIP: clip, CHECK: check },
        workgroups: threadGroups(count / 4),
        operands: { ...updateBindings(clip), means: 'means', squares: 'squares' },
      },
    ],
  };
}

/** A piece of a flat buffer of parameters, in elements. */
export interface FlatPart {
  /** Index of its first element; a multiple of the block of parameters. */
  readonly first: number;
  /** Elements. */
  readonly count: number;
}

/**
 * Cuts a flat buffer of parameters into pieces that can be bound, each with its piece of the groups operand.
 *
 * @param count - a multiple of {@link parameterBlock}
 * @param largestBinding - in bytes
 */
export function flatParts(count: number, largestBinding: number): FlatPart[] {
  // So that the piece of groups, too, starts at a multiple of 256 bytes.
  const step = parameterBlock * 64;
  const most = Math.floor(largestBinding / tensorBytes(step)) * step;
  return Array.from({ length: Math.ceil(count / most) }, (_, index) => ({
    first: index * most,
    count: Math.min(most, count - index * most),
  }));
}

/** The operand that holds a part of the gradients. */
export function gradientsPart(index: number): string {
  return index === 0 ? 'gradients' : `gradients ${index}`;
}

/**
 * The factor that keeps the global norm of the gradients within a bound, as PyTorch's clip_grad_norm_.
 *
 * Operands: gradients [count], or `gradients`, `gradients 1`, ... ({@link gradientsPart}) where several counts are given;
 * clipping [2] (factor, norm; overwritten), scratch partials. With `scaled` they are gradients of the loss times the second value
 * of lossScale [8], which the factor takes out again.
 *
 * @throws ShapeError unless the bound is a positive number and every count a positive multiple of 64.
 */
export function planGradientClip(
  counts: number | readonly number[],
  most: number,
  { scaled = false }: { readonly scaled?: boolean } = {},
): OperationPlan {
  const operation = 'gradientClip';
  const parts = typeof counts === 'number' ? [counts] : counts;
  for (const count of parts) checkCount(operation, count);
  checkPositive(operation, 'most', most);
  const total = parts.reduce((sum, count) => sum + count, 0);
  const span = Math.max(4096, Math.ceil(total / 1024 / 256) * 256);
  const operands: Record<string, Operand> = {};
  const squares: KernelStep[] = [];
  let partials = 0;
  for (const [index, count] of parts.entries()) {
    const gradients = gradientsPart(index);
    const workgroups = Math.ceil(count / span);
    operands[gradients] = { bytes: tensorBytes(count), use: 'input' };
    squares.push({
      kernel: { name: 'gradient_squares', text: squaresText },
      constants: { COUNT: count, SPAN: span, FIRST: partials },
      workgroups,
      operands: { gradients, partials: 'partials' },
    });
    partials += workgroups;
  }
  return {
    operation,
    operands: {
      ...operands,
      partials: { bytes: tensorBytes(partials), use: 'scratch' },
      clipping: { bytes: tensorBytes(2), use: 'output' },
      ...(scaled && { lossScale: { bytes: lossScaleBytes, use: 'input' as const } }),
    },
    steps: [
      ...squares,
      {
        kernel: { name: 'gradient_clip', text: clipText },
        constants: { PARTIALS: partials, MOST: { f32: most }, SCALED: scaled },
        workgroups: 1,
        operands: { partials: 'partials', clipping: 'clipping', ...(scaled && { loss_scale: 'lossScale' }) },
      },
    ],
  };
}

function checkPositive(operation: string, parameter: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new ShapeError({ operation, parameter, expected: 'a positive number', got: String(value) });
}

function checkCount(operation: string, count: number): void {
  if (Number.isSafeInteger(count) && count > 0 && count % parameterBlock === 0) return;
  const expected = `a positive multiple of ${parameterBlock}`;
  throw new ShapeError({ operation, parameter: 'count', expected, got: String(count) });
}

/** What an update writes, and a check only reads. */
function updatedOperand(count: number, check: boolean): Operand {
  return { bytes: tensorBytes(count), use: check ? 'input' : 'inout' };
}

function updateOperands(
  count: number,
  { groups, clip, check }: { readonly groups: number; readonly clip: boolean; readonly check: boolean },
): Record<string, Operand> {
  return {
    parameters: updatedOperand(count, check),
    gradients: { bytes: tensorBytes(count), use: 'input' },
    groups: { bytes: tensorBytes(count / parameterBlock), use: 'input' },
    settings: { bytes: tensorBytes(groups, 4), use: 'input' },
    status: { bytes: statusBytes, use: check ? 'inout' : 'input' },
    stepState: { bytes: stepStateBytes, use: 'uniform' },
    ...(clip && { clipping: { bytes: tensorBytes(2), use: 'input' as const } }),
  };
}

function updateBindings(clip: boolean): Record<string, string> {
  return {
    parameters: 'parameters',
    gradients: 'gradients',
    groups: 'groups',
    settings: 'settings',
    status: 'status',
    step_state: 'stepState',
    ...(clip && { clipping: 'clipping' }),
  };
}
