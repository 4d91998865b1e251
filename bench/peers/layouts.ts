import type { Values } from '../../src/compare/values.js';
import type { Network } from '../../src/graph/network.js';
import { fromMemory, layoutState, type PlacedParameter } from '../../src/graph/stateLayout.js';
import type { Adjust, CompleteConvolution } from '../../src/ops/convolution/shape.js';

/** [images, pixels, channels] as [images, channels, pixels], the layout of PyTorch and ONNX. */
export function toPlanes(values: ArrayLike<number>, images: number, channels: number): Values {
  return exchanged(values, images, values.length / (images * channels), channels);
}

/** [images, channels, pixels] as [images, pixels, channels], this package's layout. */
export function fromPlanes(values: ArrayLike<number>, images: number, channels: number): Values {
  return exchanged(values, images, channels, values.length / (images * channels));
}

/** [parts, rows, columns] as [parts, columns, rows]. */
function exchanged(values: ArrayLike<number>, parts: number, rows: number, columns: number): Values {
  const result = new Float32Array(values.length);
  for (let part = 0; part < parts; part++) {
    const start = part * rows * columns;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        result[start + column * rows + row] = values[start + row * columns + column]!;
      }
    }
  }
  return result;
}

/** A network that is one convolution. */
export function convolutionNetwork(shape: CompleteConvolution, adjust: Adjust): Network {
  const { inHeight: height, inWidth: width, inChannels: channels, outChannels } = shape;
  const { kernel, stride, padding, dilation, groups } = shape;
  const geometry = { outChannels, kernel, stride, padding, dilation, groups };
  return {
    name: 'convolution',
    input: { height, width, channels },
    layers: [{ kind: 'convolution', name: 'convolution', inputs: ['input'], bias: false, adjust, ...geometry }],
  };
}

/** Where the filters of a convolution lie, which {@link toMemory} and {@link fromMemory} take from layout to layout. */
export function filterPlace(shape: CompleteConvolution): PlacedParameter {
  return layoutState(convolutionNetwork(shape, 'none')).trained[0]!;
}

/** The state of {@link convolutionNetwork} out of the operands of a convolution. */
export function convolutionState(
  shape: CompleteConvolution,
  { filter, adjust }: Readonly<Record<string, Values>>,
): Map<string, Float32Array> {
  const state = new Map([['convolution.weight', fromMemory(filterPlace(shape), filter!)]]);
  return adjust ? state.set('convolution.adjust', adjust) : state;
}
