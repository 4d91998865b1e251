import type { Network } from '../graph/network.js';
import { elementCount } from '../graph/parameters.js';
import { using } from '../graph/uses.js';
import { allocate } from '../io/allocate.js';
import { rowReader, usedFile } from './load.js';
import { matchWeights, type WeightsMapping } from './match.js';
import type { WeightsFile } from './weightsFile.js';

/**
 * The weights of a file for a network, in memory: by the network's names, in PyTorch's layouts. Every entry of the network
 * must be in the file, and the other way round but for what the mapping says; counters of batches alone may be missing.
 *
 * @throws as `loadWeights` does (BusyError for the opened file alone), and LimitError for a tensor that does not fit into memory
 */
export function readWeights(
  network: Network,
  file: WeightsFile,
  mapping: Pick<WeightsMapping, 'rename' | 'unused'> = {},
): Promise<Map<string, Float32Array>> {
  return using('readWeights', usedFile(file), () => readMatched(network, file, mapping));
}

async function readMatched(
  network: Network,
  file: WeightsFile,
  mapping: Pick<WeightsMapping, 'rename' | 'unused'>,
): Promise<Map<string, Float32Array>> {
  const { loads } = matchWeights(network, file, mapping);
  const reader = rowReader(file);
  const values = new Map<string, Float32Array>();
  for (const { name, tensor, spec } of loads) {
    const whole = new Float32Array(allocate(4 * elementCount(spec.shape), 'readWeights', name));
    let filled = 0;
    await reader.read(name, tensor, spec, (rows) => {
      whole.set(rows, filled);
      filled += rows.length;
    });
    values.set(spec.name, whole);
  }
  await reader.expectEnd();
  return values;
}
