import type { Pair, PoolLayer } from '../../graph/network.js';
import type { Shape } from '../../graph/shapes.js';
import { type Sides, sidesOf } from '../../ops/windows.js';
import { type Attribute, integer, integers } from './graphBuilder.js';

/** The attributes of a pool over windows. */
export function poolAttributes(
  layer: PoolLayer & { readonly kernel: Pair },
  input: Shape,
  output: Shape,
): Readonly<Record<string, Attribute>> {
  const { kind, kernel, stride, countPadding = true } = layer;
  const { pads, ceilMode } = paddingOf(layer, input, output);
  return {
    kernel_shape: integers(kernel),
    strides: integers(stride),
    pads: integers(pads),
    ...(ceilMode && { ceil_mode: integer(1) }),
    // What lies beyond the padding counts in some readers where padding does; without padding there is nothing to count.
    ...(kind === 'meanPool' && { count_include_pad: integer(countPadding && pads.some((side) => side > 0) ? 1 : 0) }),
  };
}

/**
 * Padding, and whether windows reach beyond it. ONNX's inference of shapes has a window too many where the last one would start
 * behind the image, which here is none, as it is when the operator runs; there the padding says what there is, if it does not count.
 */
function paddingOf(
  { kind, kernel, stride, padding, ceilMode = false, countPadding = true }: PoolLayer & { readonly kernel: Pair },
  input: Shape,
  output: Shape,
): { readonly pads: Sides; readonly ceilMode: boolean } {
  const pads = sidesOf(padding);
  const outputs = (round: (value: number) => number) =>
    kernel.map((size, axis) => round((input[axis + 1]! + pads[axis]! + pads[axis + 2]! - size) / stride[axis]!) + 1);
  const agrees = (sizes: readonly number[]) => sizes.every((size, axis) => size === output[axis + 1]);
  if (!ceilMode || agrees(outputs(Math.floor))) return { pads, ceilMode: ceilMode && agrees(outputs(Math.ceil)) };
  if (agrees(outputs(Math.ceil)) || (kind === 'meanPool' && countPadding)) return { pads, ceilMode };
  const [bottom, right] = kernel.map((size, axis) => {
    const reach = (output[axis + 1]! - 1) * stride[axis]! + size;
    return Math.max(0, reach - input[axis + 1]! - pads[axis]!);
  }) as [number, number];
  return { pads: [pads[0], pads[1], bottom, right], ceilMode: false };
}
