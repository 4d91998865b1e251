import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { encodeFloats, type FloatType } from '../../src/io/floats.js';
import { type SafetensorsTensor, writeSafetensors } from '../../src/io/safetensors.js';

/** A tensor of a file under construction. */
export type NamedTensor = [string, SafetensorsTensor];

/** The state of a network as PyTorch's tools would write it: numbers of one type, counters as I64. */
export function tensorsOf(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  type: FloatType = 'F32',
): NamedTensor[] {
  return networkParameters(network).map(({ name, shape, role }) => {
    const data = values.get(name)!;
    const bytes =
      role === 'batchesTracked'
        ? new Uint8Array(BigInt64Array.from(data, BigInt).buffer)
        : new Uint8Array(encodeFloats(type, data));
    return [name, { dtype: role === 'batchesTracked' ? 'I64' : type, shape, bytes }];
  });
}

/** A file of weights. */
export function weightsOf(network: Network, values: ReadonlyMap<string, Float32Array>, type?: FloatType): Uint8Array {
  return writeSafetensors(tensorsOf(network, values, type), { format: 'pt' });
}
