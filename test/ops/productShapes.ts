import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';

/** A convolution of one pixel with one channel: what a test changes of it makes its shape. */
export const onePixel = {
  batch: 1,
  inHeight: 1,
  inWidth: 1,
  inChannels: 1,
  outChannels: 1,
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
} as const satisfies CompleteConvolution;

/** Convolutions that fit no tile, for the kernels that multiply tiles. */
export const oddShapes: Readonly<Record<string, CompleteConvolution>> = {
  'prime sizes': {
    ...onePixel,
    batch: 3,
    inHeight: 5,
    inWidth: 7,
    inChannels: 11,
    outChannels: 13,
    kernel: [3, 3],
    padding: [1, 1],
  },
  strides: {
    ...onePixel,
    batch: 2,
    inHeight: 11,
    inWidth: 13,
    inChannels: 8,
    outChannels: 6,
    kernel: [3, 3],
    stride: [2, 3],
    padding: [1, 1],
  },
  dilation: {
    ...onePixel,
    inHeight: 9,
    inWidth: 11,
    inChannels: 5,
    outChannels: 8,
    kernel: [3, 2],
    dilation: [2, 3],
    padding: [2, 1],
  },
  'padding beyond the window': {
    ...onePixel,
    inHeight: 3,
    inWidth: 2,
    inChannels: 4,
    outChannels: 4,
    kernel: [2, 2],
    padding: [3, 4],
  },
  'four sides': {
    ...onePixel,
    batch: 2,
    inHeight: 7,
    inWidth: 5,
    inChannels: 6,
    outChannels: 7,
    kernel: [3, 4],
    stride: [2, 1],
    padding: [0, 2, 1, 1],
  },
  'a stride above the window': {
    ...onePixel,
    inHeight: 9,
    inWidth: 8,
    inChannels: 3,
    outChannels: 5,
    stride: [3, 4],
  },
};
