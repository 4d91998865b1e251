import type { Network } from '../graph/network.js';
import { elementCount, networkParameters, type ParameterSpec } from '../graph/parameters.js';

export type Values = Float32Array<ArrayBuffer>;

/** `count` values spread over [low, high), the same for a seed on every machine. */
export function uniformValues(count: number, seed: number, low = -1, high = 1): Values {
  const values = new Float32Array(count);
  const scale = (high - low) / 2 ** 32;
  const start = Math.imul(seed + 1, 0x9e3779b9);
  for (let i = 0; i < count; i++) values[i] = low + mixed(start + i) * scale;
  return values;
}

/** A 32-bit number whose bits all depend on all of the index. */
function mixed(index: number): number {
  let x = index >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * A state for a network, in PyTorch's names and layouts: filters whose outputs keep the size of their inputs, window sums
 * that enter as means, and norms with statistics and coefficients that all differ from channel to channel. Scales are
 * positive.
 */
export function seededState(network: Network, seed: number): Map<string, Float32Array> {
  const fanIns = new Map<string, number>();
  return new Map(
    networkParameters(network).map((spec, index) => {
      if (spec.role === 'filter' || spec.role === 'transposedFilter' || spec.role === 'denseWeight') {
        fanIns.set(spec.layer, elementCount(spec.shape.slice(1)));
      }
      const [low, high] = rangeOf(spec, fanIns.get(spec.layer) ?? 1);
      return [spec.name, uniformValues(elementCount(spec.shape), 1000 * seed + index, low, high)];
    }),
  );
}

function rangeOf({ role }: ParameterSpec, fanIn: number): [low: number, high: number] {
  const bound = Math.sqrt(3 / fanIn);
  switch (role) {
    case 'filter':
    case 'transposedFilter':
    case 'denseWeight':
      return [-bound, bound];
    case 'adjust':
      return [0.5 / fanIn, 1.5 / fanIn];
    case 'scale':
    case 'runningVariance':
      return [0.8, 1.2];
    case 'batchesTracked':
      return [0, 0];
    default:
      return [-0.1, 0.1];
  }
}
