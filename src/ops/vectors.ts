import vector1 from '../../kernels/shared/vector_1.wgsl?raw';
import vector2 from '../../kernels/shared/vector_2.wgsl?raw';
import vector4 from '../../kernels/shared/vector_4.wgsl?raw';

/** How many channels a kernel reads at a time. */
export type VectorWidth = 1 | 2 | 4;

export const vectorWidths: readonly VectorWidth[] = [4, 2, 1];

/** The shared text that defines `Vector` for a width. */
export function vectorText(width: VectorWidth): string {
  return { 1: vector1, 2: vector2, 4: vector4 }[width];
}

/** The widest vector that divides a number of channels. */
export function widestVector(channels: number): VectorWidth {
  return vectorWidths.find((width) => channels % width === 0) ?? 1;
}
