import type { Network } from '../graph/network.js';
import { isInHead, networkParameters } from '../graph/parameters.js';
import { networkByName, publishedNames } from '../models/networkByName.js';
import { isAuxiliary } from './published.js';
import type { WeightsFile } from './weightsFile.js';

/**
 * The names of the published networks, plain and IC, whose whole state a file holds under their names and in their shapes; the
 * number of classes may be another one, and auxiliary classifiers count for nothing.
 */
export function identifyNetworks({ tensors }: Pick<WeightsFile, 'tensors'>): string[] {
  // Counters of batches may be absent.
  const names = [...tensors.keys()].filter((name) => !name.endsWith('.num_batches_tracked') && !isAuxiliary(name));
  const holds = (network: Network): boolean => {
    const specs = networkParameters(network);
    const inHead = isInHead(specs);
    const needed = specs.filter(({ role }) => role !== 'batchesTracked');
    const fits = needed.every(({ name, shape }) => {
      const own = tensors.get(name)?.shape;
      return own?.length === shape.length && (inHead(name) || own.every((size, axis) => size === shape[axis]));
    });
    return fits && needed.length === names.length;
  };
  return publishedNames.flatMap((name) => [name, `ic-${name}`]).filter((name) => holds(networkByName(name)));
}
