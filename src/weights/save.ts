import { readBuffer } from '../device/buffers.js';
import { NumericError, ShapeError } from '../errors.js';
import { networkParameters, type ParameterSpec } from '../graph/parameters.js';
import type { NetworkState } from '../graph/state.js';
import { fromMemory, type PlacedParameter } from '../graph/stateLayout.js';
import { encodeFloats, type FloatType, largestFloat } from '../io/floats.js';
import { planSafetensors } from '../io/safetensors.js';

/** How weights are written. */
export interface SaveWeightsOptions {
  /** How numbers are stored; float32 where left out. The counters of batches are I64 always. */
  readonly type?: FloatType;
  /** What the file says of itself; `format: pt`, which PyTorch's tools look for, where left out. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A network's weights as a safetensors file with PyTorch's names and layouts, which torchvision and timm load as well. It
 * comes piece by piece, a tensor at a time, to be written to a file or gathered in a `Blob`; the state must not change
 * meanwhile.
 *
 * @throws NumericError for a weight that is not finite, ShapeError for one that the type cannot hold, DisposedError,
 *   DeviceLostError
 */
export async function* encodeWeights(
  state: NetworkState,
  { type = 'F32', metadata = { format: 'pt' } }: SaveWeightsOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  state.assertUsable('encodeWeights');
  const specs = networkParameters(state.network);
  const { start, order } = planSafetensors(
    specs.map(({ name, shape, role }) => [name, { dtype: role === 'batchesTracked' ? 'I64' : type, shape }]),
    metadata,
  );
  yield start;
  const { layout, trained, statistics } = state;
  const places = new Map<string, readonly [GPUBuffer, PlacedParameter]>();
  for (const place of layout.trained) places.set(place.name, [trained, place]);
  for (const place of layout.statistics) places.set(place.name, [statistics, place]);
  for (const index of order) {
    const spec = specs[index]!;
    if (spec.role === 'batchesTracked') {
      yield new Uint8Array(BigInt64Array.of(BigInt(state.batchesTracked)).buffer);
      continue;
    }
    const [buffer, place] = places.get(spec.name)!;
    const memory = await readBuffer(state.device, buffer, place.offset * 4, place.count * 4);
    const values = fromMemory(place, new Float32Array(memory));
    checkRange(spec, values, type);
    yield encodeFloats(type, values) as Uint8Array<ArrayBuffer>;
  }
}

function checkRange({ name }: ParameterSpec, values: Float32Array, type: FloatType): void {
  const largest = largestFloat[type];
  const strange = values.find((value) => !(Math.abs(value) <= largest));
  if (strange === undefined) return;
  const details = { operation: 'encodeWeights', parameter: name, got: `${strange}` };
  if (!Number.isFinite(strange)) throw new NumericError({ ...details, expected: 'finite numbers' });
  throw new ShapeError({ ...details, expected: `numbers up to ${largest}, which ${type} can hold` });
}
