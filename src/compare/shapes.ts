import { isConvolution } from '../graph/fusion.js';
import { convolutionShape } from '../graph/layerShapes.js';
import type { ConvolutionLayer, Network } from '../graph/network.js';
import { inferShapes } from '../graph/shapes.js';
import { isDepthwise } from '../ops/convolution/depthwise.js';
import type { CompleteConvolution } from '../ops/convolution/shape.js';
import type { Padding, Pair } from '../ops/windows.js';
import mobilenetBatch1 from './shapes/mobilenet-v2-batch1.json' with { type: 'json' };
import resnet20Batch32 from './shapes/resnet20-batch32.json' with { type: 'json' };
import resnet50Batch1 from './shapes/resnet50-batch1.json' with { type: 'json' };
import resnet50Batch8 from './shapes/resnet50-batch8.json' with { type: 'json' };

/** A shape file: every distinct convolution of a network, in the order in which they come. */
export interface ShapeFile {
  readonly network: string;
  readonly batch: number;
  readonly convolutions: readonly ShapeEntry[];
}

export interface ShapeEntry {
  /** Height, width and channels. */
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outChannels: number;
  /** 1 where left out. */
  readonly groups?: number;
  /** Layers of the network with this shape. */
  readonly layers: number;
}

export interface NamedShape {
  readonly name: string;
  readonly shape: CompleteConvolution;
}

export const shapeFiles: readonly ShapeFile[] = [resnet50Batch1, resnet50Batch8, resnet20Batch32, mobilenetBatch1];

/** The convolutions of all shape files, named by network, batch and shape: `resnet50 b1 3x3/2 56x56 128->128`. */
export function namedShapes(): NamedShape[] {
  return shapeFiles.flatMap(({ network, batch, convolutions }) =>
    convolutions.map((entry) => {
      const shape = shapeOf(entry, batch);
      return { name: `${network} b${batch} ${shapeName(shape)}`, shape };
    }),
  );
}

function shapeOf(entry: ShapeEntry, batch: number): CompleteConvolution {
  const { input, kernel, stride, padding, outChannels, groups = 1 } = entry;
  const [inHeight, inWidth, inChannels] = input as [number, number, number];
  const pair = (values: readonly number[]): Pair => [values[0]!, values[1]!];
  return {
    batch,
    inHeight,
    inWidth,
    inChannels,
    outChannels,
    kernel: pair(kernel),
    stride: pair(stride),
    padding: padding as unknown as Padding,
    dilation: [1, 1],
    groups,
  };
}

function shapeName(shape: CompleteConvolution): string {
  const { kernel, stride, inHeight, inWidth, inChannels, outChannels } = shape;
  const step = stride[0] === 1 ? '' : `/${stride[0]}`;
  return `${kernel[0]}x${kernel[1]}${step} ${inHeight}x${inWidth} ${inChannels}->${outChannels}${isDepthwise(shape) ? ' depthwise' : ''}`;
}

/** What a network's shape file holds. */
export function shapeFileOf(network: Network, batch: number): ShapeFile {
  const shapes = inferShapes(network, batch);
  const entries = new Map<string, ShapeEntry>();
  for (const layer of network.layers.filter(isConvolution)) {
    const entry = entryOf(layer, convolutionShape(layer, shapes.get(layer.inputs[0]!)!));
    const key = JSON.stringify(entry);
    const known = entries.get(key);
    entries.set(key, known ? { ...known, layers: known.layers + 1 } : entry);
  }
  return { network: network.name, batch, convolutions: [...entries.values()] };
}

function entryOf(
  { kernel, stride, padding, outChannels, groups }: ConvolutionLayer,
  shape: CompleteConvolution,
): ShapeEntry {
  const input = [shape.inHeight, shape.inWidth, shape.inChannels];
  return { input, kernel, stride, padding, outChannels, ...(groups > 1 && { groups }), layers: 1 };
}
