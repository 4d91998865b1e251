import type { Layer, Network } from '../../src/graph/network.js';
import { inferShapes, type Shape } from '../../src/graph/shapes.js';
import type { BackwardOptions, Parameters } from '../reference/network.js';
import { uniform } from './random.js';
import { EPSILON, HALF_EPSILON } from './tolerance.js';

/*
 * How far a float32 run of a whole network may be off is measured, by the error analysis of float32 sums:
 *
 * - A float32 sum of n products is the exact sum of the same products with their factors off by n EPSILON at most
 *   (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), and by sqrt(n) EPSILON with a probability near
 *   1, as roundings are independent (Higham and Mary, SIAM Journal on Scientific Computing 41, 2019).
 * - So what float32 computes is, layer by layer, what float64 computes with disturbed factors: parameters in the forward
 *   pass, parameters and the gradients that reach a layer in the backward pass.
 *
 * A disturbed run is the float64 interpreter with every such factor times 1 + sqrt(n) EPSILON u, with random u in [-1, 1]
 * and n the length of the longest sum the factor enters. How far its results are from those of the undisturbed run is
 * what the network makes of rounding errors: its conditioning is in it. A bound is SAFETY times the largest distance of
 * a tensor in a few such runs, plus a few roundings of the value itself.
 */

/** How much more than the disturbed runs show is allowed: they are few, and their largest distance is a random number. */
const SAFETY = 4;

/** Roundings of a finished value, where it is stored, scaled, or updated by an optimiser. */
const OWN_ROUNDINGS = 4;

/** WGSL's pow, that of a logarithm times the power, is off by as many roundings. */
const POWER_ROUNDINGS = 16;

/** One disturbed run: what it does to parameters and to gradients on their way back. */
export interface Disturbance extends Required<Pick<BackwardOptions, 'disturb'>> {
  parameters(values: Parameters): Map<string, Float64Array>;
}

/** The disturbance of a seed; `training` where batch norm sums over the batch. */
export function disturbance(network: Network, batch: number, training: boolean, seed: number): Disturbance {
  const shapes = inferShapes(network, batch);
  const layers = new Map(network.layers.map((layer, index) => [layer.name, { layer, index }]));
  const sums = (layer: Layer): SumLengths => sumLengths(layer, shapes, training);
  const off = (values: ArrayLike<number>, terms: number, stream: number): Float64Array => {
    const random = uniform(values.length, stream);
    const size = Math.sqrt(terms) * EPSILON;
    return Float64Array.from(random, (u, i) => values[i]! * (1 + size * u));
  };
  return {
    parameters(values) {
      const entries = [...values].map(([name, value], index) => {
        const { layer } = layers.get(name.slice(0, name.lastIndexOf('.')))!;
        return [name, off(value, sums(layer).factors, 7919 * seed + index)] as const;
      });
      return new Map(entries);
    },
    disturb(name, dy) {
      const { layer, index } = layers.get(name)!;
      return off(dy, sums(layer).gradients, 104729 * seed + index);
    },
  };
}

interface SumLengths {
  /** Terms of the longest sum that a parameter of the layer enters, forward or on the way to the input's gradient. */
  readonly factors: number;
  /** Terms of the longest sum that an element of the output's gradient enters. */
  readonly gradients: number;
}

function sumLengths(layer: Layer, shapes: ReadonlyMap<string, Shape>, training: boolean): SumLengths {
  const [, height, width, channels] = shapes.get(layer.inputs[0]!)!;
  const [batch, outHeight, outWidth] = shapes.get(layer.name)!;
  const rows = batch * Math.max(height * width, outHeight * outWidth);
  switch (layer.kind) {
    case 'convolution':
    case 'transposedConvolution': {
      const widest = Math.max(channels, layer.outChannels) / layer.groups;
      const factors = layer.kernel[0] * layer.kernel[1] * widest;
      return { factors, gradients: Math.max(rows, factors) };
    }
    case 'batchNorm':
      return training ? { factors: rows, gradients: rows } : { factors: OWN_ROUNDINGS, gradients: 0 };
    case 'dense': {
      const factors = Math.max(height * width * channels, layer.outFeatures);
      return { factors, gradients: Math.max(batch, layer.outFeatures) };
    }
    case 'affine':
      return { factors: OWN_ROUNDINGS, gradients: rows };
    case 'multiply':
      return { factors: 0, gradients: height * width };
    case 'upsample':
      return { factors: 0, gradients: 16 * layer.factor[0] * layer.factor[1] };
    case 'localResponseNorm':
      return { factors: 0, gradients: POWER_ROUNDINGS ** 2 };
    default:
      return { factors: 0, gradients: 1 };
  }
}

/** The largest distance between two tensors. */
export function distance(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < left.length; i++) largest = Math.max(largest, Math.abs(left[i]! - right[i]!));
  return largest;
}

/**
 * The bound of a tensor's elements.
 *
 * @param exact what float64 says
 * @param disturbed the same tensor from disturbed runs
 */
export function roundingBound(exact: ArrayLike<number>, disturbed: readonly ArrayLike<number>[]): Float64Array {
  const largest = SAFETY * Math.max(...disturbed.map((values) => distance(values, exact)));
  return Float64Array.from(exact, (value) => largest + OWN_ROUNDINGS * EPSILON * Math.abs(value));
}

/** Products that a step adds up in float16, at most. */
const HALF_STEP = 32;

/**
 * What float16 in memory does to a network, as disturbed parameters of a seed: a filter and what it is multiplied with are each off
 * by a rounding, and the sum of a step's products, if float16 adds them up, by the root of their number (see above).
 */
export function halfDisturbed(network: Network, values: Parameters, seed: number): Map<string, Float64Array> {
  const kinds = new Map(network.layers.map(({ name, kind }) => [name, kind]));
  const size = (2 + Math.sqrt(HALF_STEP)) * HALF_EPSILON;
  const entries = [...values].map(([name, value], index) => {
    const kind = kinds.get(name.slice(0, name.lastIndexOf('.')))!;
    const random = uniform(value.length, 7919 * seed + index);
    const multiplied = name.endsWith('.weight') && ['convolution', 'transposedConvolution', 'dense'].includes(kind);
    return [name, Float64Array.from(value, (one, i) => one * (multiplied ? 1 + size * random[i]! : 1))] as const;
  });
  return new Map(entries);
}
