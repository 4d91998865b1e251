import fc from 'fast-check';
import type { Adjust, Pair } from '../../src/graph/network.js';
import type { ConvolutionShape } from '../../src/ops/convolution.js';
import type { ConvolutionFamily } from '../../src/ops/convolutionForward.js';

export interface RandomConvolution {
  readonly shape: ConvolutionShape;
  readonly mode: Adjust;
  readonly bias: boolean;
  /** The device's best where undefined. */
  readonly family: ConvolutionFamily | undefined;
  readonly seed: number;
}

interface Axis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
}

/**
 * One axis of an image with its window. The window may be larger than the image without its padding, the padding wider
 * than the window, the stride longer than it; elements behind the last whole window are left over.
 */
function axes(positions: fc.Arbitrary<number>): fc.Arbitrary<Axis> {
  return fc
    .record({
      kernel: fc.constantFrom(1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 7),
      stride: fc.constantFrom(1, 1, 1, 2, 2, 3, 4, 6),
      padding: fc.constantFrom(0, 0, 1, 1, 2, 3, 5),
      dilation: fc.constantFrom(1, 1, 1, 2, 3),
      positions,
      left: fc.nat(3),
    })
    .map(({ kernel, stride, padding, dilation, positions, left }) => {
      const span = dilation * (kernel - 1) + 1;
      const size = Math.max(1, span + (positions - 1) * stride + Math.min(left, stride - 1) - 2 * padding);
      return { size, kernel, stride, padding, dilation };
    });
}

/** Channels of a group around the widths of vectors, subgroups and tiles. */
const groupChannels = fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 20, 23, 31, 32, 33, 40);

/** Multiply-adds that keep one case within about a tenth of a second of float64 arithmetic. */
const mostMultiplyAdds = 300_000;

/** Convolutions of every odd form, of up to 5 images and 40 channels. */
export function convolutionShapes(): fc.Arbitrary<RandomConvolution> {
  return fc
    .record({
      batch: fc.constantFrom(1, 1, 1, 2, 2, 3, 4, 5),
      vertical: axes(fc.integer({ min: 1, max: 5 })),
      horizontal: axes(fc.oneof({ weight: 7, arbitrary: fc.integer({ min: 1, max: 5 }) }, fc.integer({ min: 6, max: 30 }))),
      groups: fc.constantFrom(1, 1, 1, 2, 3, 5, 40),
      groupIn: groupChannels,
      groupOut: groupChannels,
      mode: fc.constantFrom<Adjust>('none', 'none', 'output', 'output', 'input'),
      bias: fc.boolean(),
      family: fc.constantFrom<ConvolutionFamily | undefined>(undefined, undefined, undefined, undefined, 'naive', 'naive', 'subgroup'),
      seed: fc.nat(1e6),
    })
    .map(({ batch, vertical, horizontal, groups, groupIn, groupOut, ...rest }) => {
      const pair = (name: Exclude<keyof Axis, 'size'>): Pair => [vertical[name], horizontal[name]];
      const shape = {
        batch,
        inHeight: vertical.size,
        inWidth: horizontal.size,
        inChannels: groups * Math.min(groupIn, Math.floor(40 / groups)),
        outChannels: groups * Math.min(groupOut, Math.floor(40 / groups)),
        kernel: pair('kernel'),
        stride: pair('stride'),
        padding: pair('padding'),
        dilation: pair('dilation'),
        groups,
      };
      return { shape, ...rest };
    })
    .filter(({ shape }) => multiplyAddsAtMost(shape) <= mostMultiplyAdds);
}

function multiplyAddsAtMost(shape: ConvolutionShape): number {
  const positions = (axis: 0 | 1, size: number) => (size + 2 * shape.padding[axis]) / shape.stride[axis];
  const outputs = shape.batch * positions(0, shape.inHeight) * positions(1, shape.inWidth) * shape.outChannels;
  return (outputs * shape.kernel[0] * shape.kernel[1] * shape.inChannels) / shape.groups;
}
