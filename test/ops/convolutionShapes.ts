import fc from 'fast-check';
import type { Adjust, Padding, Pair } from '../../src/graph/network.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { Family } from '../../src/ops/forms.js';

export interface RandomConvolution {
  readonly shape: CompleteConvolution;
  readonly mode: Adjust;
  readonly bias: boolean;
  /** Of an IC unit. */
  readonly offset: boolean;
  /** The device's best where undefined. */
  readonly family: Family | undefined;
  /** Of the values. */
  readonly seed: number;
}

interface Axis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Behind the image. */
  readonly after: number;
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
      other: fc.option(fc.constantFrom(0, 1, 2, 4), { freq: 1 }),
      dilation: fc.constantFrom(1, 1, 1, 2, 3),
      positions,
      left: fc.nat(3),
    })
    .map(({ kernel, stride, padding, other, dilation, positions, left }) => {
      const span = dilation * (kernel - 1) + 1;
      const after = other ?? padding;
      const size = Math.max(1, span + (positions - 1) * stride + Math.min(left, stride - 1) - padding - after);
      return { size, kernel, stride, padding, after, dilation };
    });
}

/** Few positions mostly, since wide tiles take long to compile; at times enough to fill the widest tile and more. */
const columns = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5, max: 30 }) },
);

/** Channels of a group around the widths of vectors, subgroups and tiles. */
const groupChannels = fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 20, 23, 31, 32, 33, 40);

const mostChannels = 40;

/** Keeps one case within about a tenth of a second of float64 arithmetic. */
const mostMultiplyAdds = 250_000;

/** Convolutions of every odd form, of up to 5 images and 40 channels. */
export const convolutionShapes: fc.Arbitrary<RandomConvolution> = fc
  .record({
    batch: fc.constantFrom(1, 1, 1, 1, 2, 2, 3, 4, 5),
    vertical: axes(fc.integer({ min: 1, max: 5 })),
    horizontal: axes(columns),
    groups: fc.constantFrom(1, 1, 1, 2, 3, 5, mostChannels),
    groupIn: groupChannels,
    groupOut: groupChannels,
    mode: fc.constantFrom<Adjust>('none', 'none', 'output', 'output', 'input'),
    bias: fc.boolean(),
    withOffset: fc.boolean(),
    family: fc.constantFrom<Family | undefined>(
      ...[undefined, undefined, undefined, undefined],
      ...(['naive', 'naive', 'subgroup'] as const),
    ),
    seed: fc.nat(1e6),
  })
  .map(({ batch, vertical, horizontal, groups, groupIn, groupOut, withOffset, ...rest }) => {
    const pair = (name: Exclude<keyof Axis, 'size'>): Pair => [vertical[name], horizontal[name]];
    const isEven = [vertical, horizontal].every(({ padding, after }) => padding === after);
    const padding: Padding = isEven ? pair('padding') : [...pair('padding'), ...pair('after')];
    const most = Math.floor(mostChannels / groups);
    const shape = {
      batch,
      inHeight: vertical.size,
      inWidth: horizontal.size,
      inChannels: groups * Math.min(groupIn, most),
      outChannels: groups * Math.min(groupOut, most),
      kernel: pair('kernel'),
      stride: pair('stride'),
      padding,
      dilation: pair('dilation'),
      groups,
    };
    return { shape, ...rest, offset: withOffset && rest.mode !== 'none' };
  })
  .filter(({ shape }) => checkConvolution('shape', shape).multiplyAdds <= mostMultiplyAdds);
