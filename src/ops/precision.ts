import elementFull from '../../kernels/shared/element_full.wgsl?raw';
import elementHalf from '../../kernels/shared/element_half.wgsl?raw';
import fits from '../../kernels/shared/fits.wgsl?raw';
import stored1 from '../../kernels/shared/stored_1.wgsl?raw';
import stored2 from '../../kernels/shared/stored_2.wgsl?raw';
import stored4 from '../../kernels/shared/stored_4.wgsl?raw';
import { UnsupportedError } from '../errors.js';
import type { Operand } from './plan.js';
import { type VectorWidth, vectorText } from './vectors.js';

/** As what tensors lie in memory. Computed is in float32, but for the products of tiles, which may be in float16. */
export type Precision = 'float32' | 'float16';

/** In what precision an operation's tensors lie in memory. */
export interface PrecisionOptions {
  /** `float16` takes half the memory, and needs the feature `shader-f16`. Default `float32`. */
  readonly precision?: Precision;
}

const elementBytes = { float32: 4, float16: 2 };

/** Bytes of a tensor in a precision: whole words, as a binding has. */
export function storedBytes(precision: Precision, ...shape: readonly number[]): number {
  const bytes = shape.reduce((product, size) => product * size, elementBytes[precision]);
  return Math.ceil(bytes / 4) * 4;
}

/** Elements that so many bytes hold in a precision. */
export function elementsOf(bytes: number, precision: Precision): number {
  return bytes / elementBytes[precision];
}

/** A tensor in a precision as an operand. */
export function storedOperand(
  precision: Precision,
  use: Operand['use'],
  ...shape: readonly number[]
): Pick<Operand, 'bytes' | 'use' | 'precision'> {
  return { bytes: storedBytes(precision, ...shape), use, ...(precision === 'float16' && { precision }) };
}

/** The shared text that says what an element in memory is: `Element`. */
export function elementText(precision: Precision): string {
  return precision === 'float16' ? elementHalf : elementFull;
}

/** The shared texts of vectors of a width, and of what they are in memory: `Vector` and `Stored`. */
export function storedTexts(width: VectorWidth, precision: Precision): string[] {
  return [vectorText(width), elementText(precision), { 1: stored1, 2: stored2, 4: stored4 }[width]];
}

/** The shared text of `fits`. */
export const fitsText: string = fits;

/** WebGPU binds no less as an array of vectors of four. */
const statusBytes = 16;

/**
 * The operand of operations that store float16: float32 [4], whose first element becomes 1 where a value does not fit, which is
 * beyond 65504 or not finite, and stays as it is elsewhere. None in float32.
 */
export function statusOperand(precision: Precision): { readonly status?: Operand } {
  return precision === 'float16' ? { status: { bytes: statusBytes, use: 'inout' } } : {};
}

/** A step's constant that says whether what does not fit is noted, with the shared text for it, and its binding. */
export function checkedStep(checked: boolean): {
  readonly constants: { readonly CHECKED: boolean };
  readonly shared: readonly string[];
  readonly operands: { readonly status?: string };
} {
  return {
    constants: { CHECKED: checked },
    shared: [fits],
    operands: checked ? { status: 'status' } : {},
  };
}

/**
 * Refuses float16 on a device that has none.
 *
 * @throws UnsupportedError
 */
export function checkPrecision(device: GPUDevice, operation: string, precision: Precision | undefined): void {
  if (precision !== 'float16' || device.features.has('shader-f16')) return;
  throw new UnsupportedError({
    operation,
    parameter: 'precision',
    expected: 'float32, or a device with the feature shader-f16',
    got: 'float16 on a device without it',
  });
}
