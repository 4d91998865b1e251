import type { Pair } from '../../src/graph/network.js';
import type { Golden } from '../golden/read.js';
import { nchwToNhwc, oihwToHwio } from '../support/layout.js';
import { awayFromKink, type ConvolutionCase, type ConvolutionValues, expectedValues } from './convolutionCase.js';

type Shape4 = [number, number, number, number];

interface GoldenConvolution {
  readonly ic: boolean;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly bias: boolean;
  readonly x: Shape4;
  readonly w: Shape4;
}

/** A convolution of the golden file, with what is expected of it. */
export interface ExpectedConvolution {
  readonly one: ConvolutionCase;
  readonly expected: ConvolutionValues<ArrayLike<number>>;
}

/** Reads every convolution of the golden file. */
export function goldenConvolutions(golden: Golden): ExpectedConvolution[] {
  return (golden.metadata.cases as GoldenConvolution[]).map((described, index) =>
    smooth(goldenConvolution(golden, described, index)),
  );
}

function goldenConvolution(golden: Golden, described: GoldenConvolution, index: number): ExpectedConvolution {
  const { ic, bias, stride, padding, dilation, groups, x, w } = described;
  const value = (name: string) => golden.tensor(`${index}.${name}`);
  const images = (name: string) => nchwToNhwc(value(name).data, value(name).shape as Shape4);
  const both = (size: number): Pair => [size, size];
  const shape = {
    batch: x[0],
    inHeight: x[2],
    inWidth: x[3],
    inChannels: x[1],
    outChannels: w[0],
    kernel: [w[2], w[3]] as const,
    stride: both(stride),
    padding: both(padding),
    dilation: both(dilation),
    groups,
  };
  const one = {
    shape,
    mode: ic ? ('output' as const) : ('none' as const),
    input: images('x'),
    filter: oihwToHwio(value('w').data, w),
    bias: bias ? value('b').data : undefined,
    adjust: ic ? value('a').data : undefined,
    gradient: images('dy'),
  };
  const expected = {
    y: images('y'),
    dx: images('dx'),
    dw: oihwToHwio(value('dw').data, w),
    db: bias ? value('db').data : undefined,
    da: ic ? value('da').data : undefined,
  };
  return { one, expected };
}

/** Where a gradient of the file was made with a value at the kink, the float64 twin, held to the same file, decides. */
function smooth({ one, expected }: ExpectedConvolution): ExpectedConvolution {
  const { smooth, zeroed } = awayFromKink(one);
  if (zeroed >= one.gradient.length / 100) throw new Error(`${zeroed} gradients at the kink`);
  return { one: smooth, expected: zeroed === 0 ? expected : { ...expectedValues(smooth), y: expected.y } };
}
