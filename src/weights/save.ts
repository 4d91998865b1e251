import { createBuffer, destroyBuffer, readBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import { NumericError, ShapeError } from '../errors.js';
import { networkParameters, type ParameterSpec } from '../graph/parameters.js';
import type { NetworkState } from '../graph/state.js';
import { fromMemory, type PlacedParameter } from '../graph/stateLayout.js';
import { findFault } from '../graph/stateValues.js';
import { checkFree } from '../graph/uses.js';
import { encodeFloats, type FloatType, largestFloat } from '../io/floats.js';
import { planSafetensors } from '../io/safetensors.js';

/** How weights are written. */
export interface SaveWeightsOptions {
  /** How numbers are stored; float32 where left out. The counters of batches are I64 always. */
  readonly type?: FloatType;
  /** What the file says of itself; `format: pt`, which PyTorch's tools look for, where left out. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const operation = 'encodeWeights';

/**
 * A network's weights as a safetensors file with PyTorch's names and layouts, which torchvision and timm load as well. It
 * comes piece by piece, a tensor at a time, to be written to a file or gathered in a `Blob`: the state as it is when the first
 * piece is asked for, of which the device holds a copy until the last one. Any number of calls may go on at once.
 *
 * @throws NumericError for a weight that is not finite and a negative running variance, ShapeError for a weight that the type
 *   cannot hold, LimitError where the device cannot hold the copy, BusyError while weights are loaded into the state,
 *   DeviceLostError
 */
export async function* encodeWeights(
  state: NetworkState,
  { type = 'F32', metadata = { format: 'pt' } }: SaveWeightsOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const specs = networkParameters(state.network);
  const { start, order } = planSafetensors(
    specs.map(({ name, shape, role }) => [name, { dtype: role === 'batchesTracked' ? 'I64' : type, shape }]),
    metadata,
  );
  const { device, layout, batchesTracked } = state;
  const copies: GPUBuffer[] = [];
  try {
    await copyState(state, copies);
    yield start;
    const places = new Map<string, readonly [GPUBuffer, PlacedParameter]>();
    for (const place of layout.trained) places.set(place.name, [copies[0]!, place]);
    for (const place of layout.statistics) places.set(place.name, [copies[1]!, place]);
    for (const index of order) {
      const spec = specs[index]!;
      if (spec.role === 'batchesTracked') {
        yield new Uint8Array(BigInt64Array.of(BigInt(batchesTracked)).buffer);
        continue;
      }
      const [buffer, place] = places.get(spec.name)!;
      const memory = await readBuffer(device, buffer, place.offset * 4, place.count * 4);
      const values = fromMemory(place, new Float32Array(memory));
      checkValues(spec, values, type);
      yield encodeFloats(type, values) as Uint8Array<ArrayBuffer>;
    }
  } finally {
    for (const copy of copies) destroyBuffer(device, copy);
  }
}

/** Copies parameters and statistics on the device, behind all that was submitted before the call. */
async function copyState(state: NetworkState, copies: GPUBuffer[]): Promise<void> {
  checkFree(operation, { thing: state, name: 'state', use: 'look' });
  const { device, trained, statistics } = state;
  await guard(device, operation, () => {
    const encoder = device.createCommandEncoder({ label: operation });
    for (const buffer of [trained, statistics]) {
      const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const copy = createBuffer(device, { label: `${buffer.label}, a copy`, size: buffer.size, usage });
      copies.push(copy);
      encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
    }
    device.queue.submit([encoder.finish()]);
  });
}

function checkValues(spec: ParameterSpec, values: Float32Array, type: FloatType): void {
  const fault = findFault(spec, values);
  if (fault) {
    const { element, expected, got } = fault;
    throw new NumericError({ operation, parameter: `${spec.name}, element ${element}`, expected, got });
  }
  const largest = largestFloat[type];
  const strange = values.find((value) => !(Math.abs(value) <= largest));
  if (strange === undefined) return;
  const expected = `numbers up to ${largest}, which ${type} can hold`;
  throw new ShapeError({ operation, parameter: spec.name, expected, got: `${strange}` });
}
