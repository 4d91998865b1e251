import { requireKind } from '../arrays.js';
import { ShapeError } from '../errors.js';
import { isICUnit, type Network } from './network.js';
import { elementCount, networkParameters } from './parameters.js';

/** How the recalibration weights of one IC unit are spread. */
export interface AdjustDistribution {
  /** The layer's name. */
  readonly layer: string;
  /** The weights themselves. */
  readonly values: Float32Array;
  /** Filter elements of one output channel, n: a weight of 1 / n compares z with the mean under the window. */
  readonly filterElements: number;
  /** Minimum, quartiles and maximum. */
  readonly quantiles: readonly [minimum: number, first: number, median: number, third: number, maximum: number];
  /** Of all weights. */
  readonly mean: number;
  /** Numbers of weights between neighbouring edges; a weight on an edge counts upwards, the last edge downwards. */
  readonly counts: readonly number[];
  /** One more than `counts`, evenly from minimum to maximum. */
  readonly edges: readonly number[];
}

/**
 * How `adjust` is spread in every IC unit, in the network's order.
 *
 * @param values - the state, as `readState` gives it
 * @param bins - of the histograms, 10 unless told
 * @throws ShapeError for bins that are no positive integer, and where a layer's weights are missing, too many or no Float32Array.
 */
export function adjustDistributions(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  bins = 10,
): AdjustDistribution[] {
  if (!Number.isSafeInteger(bins) || bins < 1) throw refusal('bins', 'a positive integer', `${bins}`);
  const shapes = new Map(networkParameters(network).map(({ name, shape }) => [name, shape]));
  return network.layers.filter(isICUnit).map(({ name }) => {
    const parameter = `${name}.adjust`;
    const own = values.get(parameter);
    const expected = elementCount(shapes.get(parameter)!);
    if (own?.length !== expected) throw refusal(parameter, `${expected} weights`, `${own?.length ?? 'none'}`);
    requireKind('adjustDistributions', parameter, own, 'Float32Array');
    const filterElements = elementCount(shapes.get(`${name}.weight`)!.slice(1));
    return { layer: name, values: own, filterElements, ...spread(own, bins) };
  });
}

function spread(values: Float32Array, bins: number): Omit<AdjustDistribution, 'layer' | 'values' | 'filterElements'> {
  const sorted = Float64Array.from(values).sort();
  const quantiles = [0, 0.25, 0.5, 0.75, 1].map((share) => quantile(sorted, share));
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  const edges = Array.from({ length: bins + 1 }, (_, index) => low + ((high - low) * index) / bins);
  const counts = new Array<number>(bins).fill(0);
  for (const value of sorted) counts[binOf(value, edges)]!++;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { quantiles: quantiles as unknown as AdjustDistribution['quantiles'], mean, counts, edges };
}

function binOf(value: number, edges: readonly number[]): number {
  const above = edges.findLastIndex((edge) => value >= edge);
  return Math.min(Math.max(above, 0), edges.length - 2);
}

/** Linear between the two nearest of sorted values. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}

function refusal(parameter: string, expected: string, got: string): ShapeError {
  return new ShapeError({ operation: 'adjustDistributions', parameter, expected, got });
}
