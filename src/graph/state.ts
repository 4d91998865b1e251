import { kindOf, requireKind } from '../arrays.js';
import { createBuffer, destroyBuffer, readBuffer, readBuffers, writeBuffer } from '../device/buffers.js';
import { lifetime } from '../device/lifetime.js';
import { ShapeError } from '../errors.js';
import { type BufferRange, tensorBytes } from '../ops/plan.js';
import { parameter, parameterGradient } from './names.js';
import type { Network } from './network.js';
import { describeFaults } from './stateFaults.js';
import { fromMemory, layoutState, type PlacedParameter, type StateLayout, toMemory } from './stateLayout.js';
import { checkFree } from './uses.js';

/** A network's state on the GPU: everything that is trained in one buffer, the running statistics in another. */
export interface NetworkState {
  /** Where it lies. */
  readonly device: GPUDevice;
  /** Whose state it is. */
  readonly network: Network;
  /** What lies where. */
  readonly layout: StateLayout;
  /** Everything that is trained, float32. */
  readonly trained: GPUBuffer;
  /** Running means and variances, float32. */
  readonly statistics: GPUBuffer;
  /** Batches that the running statistics have seen: PyTorch's num_batches_tracked, the same for every batch norm. */
  batchesTracked: number;
  /** Counts the changes of the state, so that what was derived from it knows when it is stale. */
  version: number;
  /** Whether passes may change the state of which nobody has said yet that they are submitted: see `TrainingNetwork`. */
  unsubmitted: boolean;
  /**
   * Refuses a state that is of no use any more.
   *
   * @param operation - named in the error
   * @throws DisposedError, DeviceLostError
   */
  assertUsable(operation: string): void;
  /** Frees parameters and statistics; whatever works on the state is refused from then on. */
  dispose(): void;
}

const readableStorage = 0x80 | 0x04 | 0x08;

/**
 * Room for a network's state on a device.
 *
 * @throws LimitError where the device cannot hold it.
 */
export function createState(device: GPUDevice, network: Network): NetworkState {
  const layout = layoutState(network);
  const room = (label: string, count: number): GPUBuffer =>
    createBuffer(device, { label, size: tensorBytes(Math.max(count, 1)), usage: readableStorage });
  const trained = room(`${network.name} parameters`, layout.trainedCount);
  const statistics = room(`${network.name} statistics`, layout.statisticsCount);
  const life = lifetime(device, 'state', () => {
    destroyBuffer(device, trained);
    destroyBuffer(device, statistics);
  });
  return { device, network, layout, trained, statistics, batchesTracked: 0, version: 0, unsubmitted: false, ...life };
}

/**
 * Writes a whole state, given in PyTorch's names and layouts, ahead of all work submitted later.
 *
 * @throws ShapeError naming some of the entries that are missing, unknown, of another size or no Float32Array; BusyError while a
 *   training, an evaluation or the loading of weights goes on with the state; DisposedError, DeviceLostError.
 */
export function writeState(state: NetworkState, values: ReadonlyMap<string, Float32Array>): void {
  const { layout, device } = state;
  state.assertUsable('writeState');
  checkFree('writeState', { thing: state, name: 'state', use: 'step' });
  requireKind('writeState', 'values', values, 'Map');
  checkEntries(state, values);
  for (const [buffer, entries] of [
    [state.trained, layout.trained],
    [state.statistics, layout.statistics],
  ] as const) {
    for (const entry of entries) {
      const data = toMemory(entry, values.get(entry.name)!);
      writeBuffer(device, buffer, data as Float32Array<ArrayBuffer>, entry.offset * 4);
    }
  }
  state.batchesTracked = values.get(layout.counters[0] ?? '')?.[0] ?? 0;
  state.version++;
}

/** Notes that passes were submitted that change the state, on so many batches. */
export function noteSubmitted(state: NetworkState, batches: number): void {
  state.batchesTracked += batches;
  state.version++;
  state.unsubmitted = false;
}

function checkEntries({ layout, network }: NetworkState, values: ReadonlyMap<string, Float32Array>): void {
  const entries = [...layout.trained, ...layout.statistics];
  const known = new Map(entries.map(({ name, count }) => [name, count]));
  for (const name of layout.counters) known.set(name, 1);
  const missing = [...known.keys()].filter((name) => !values.has(name) && !layout.counters.includes(name));
  const unknown = [...values.keys()].filter((name) => !known.has(name));
  const present = [...values].filter(([name]) => known.has(name));
  const strange = present.filter(([, data]) => kindOf(data) !== 'Float32Array');
  const wrong = present.filter(([name, data]) => known.get(name) !== data?.length);
  if (missing.length + unknown.length + strange.length + wrong.length === 0) return;
  const faults = new Map([
    ['missing', missing],
    ['unknown', unknown],
    ['no Float32Array', strange.map(([name, data]) => `${name} (${kindOf(data)})`)],
    [
      'of another size',
      wrong.map(([name, data]) => `${name} (${data?.length} instead of ${known.get(name)} elements)`),
    ],
  ]);
  throw new ShapeError({
    operation: 'writeState',
    parameter: network.name,
    expected: `${known.size} entries of the network's state`,
    got: describeFaults(faults),
  });
}

/**
 * Reads the whole state back, in PyTorch's names and layouts, num_batches_tracked included: as it is behind all that was
 * submitted before the call, whatever goes on meanwhile. Any number of calls may go on at once.
 *
 * @throws BusyError while weights are loaded into it, DisposedError, DeviceLostError.
 */
export async function readState(state: NetworkState): Promise<Map<string, Float32Array>> {
  return stateValues(state, await readSnapshot(state, 'readState'));
}

/** The bytes of a state at one moment, and of other buffers at the same. */
export interface StateSnapshot {
  readonly trained: ArrayBuffer;
  readonly statistics: ArrayBuffer;
  readonly batchesTracked: number;
  readonly others: readonly ArrayBuffer[];
}

/**
 * Copies a state, and what belongs to it, as they are behind all that was submitted before the call.
 *
 * @throws BusyError while weights are loaded into it, DisposedError, DeviceLostError.
 */
export async function readSnapshot(
  state: NetworkState,
  operation: string,
  others: readonly GPUBuffer[] = [],
): Promise<StateSnapshot> {
  state.assertUsable(operation);
  checkFree(operation, { thing: state, name: 'state', use: 'look' });
  const { device, batchesTracked } = state;
  const buffers = [state.trained, state.statistics, ...others];
  const ranges = buffers.map((buffer) => ({ buffer, offset: 0, size: buffer.size }));
  const [trained, statistics, ...rest] = await readBuffers(device, ranges);
  return { trained: trained!, statistics: statistics!, batchesTracked, others: rest };
}

/** What a snapshot holds, in PyTorch's names and layouts. */
export function stateValues({ layout }: NetworkState, snapshot: StateSnapshot): Map<string, Float32Array> {
  const counters = layout.counters.map((name) => [name, Float32Array.of(snapshot.batchesTracked)] as const);
  return new Map([
    ...tensorsOf(layout.trained, snapshot.trained),
    ...tensorsOf(layout.statistics, snapshot.statistics),
    ...counters,
  ]);
}

/** Reads tensors of one buffer, in PyTorch's layouts. */
export async function readTensors(
  device: GPUDevice,
  buffer: GPUBuffer,
  entries: readonly PlacedParameter[],
): Promise<[string, Float32Array][]> {
  return tensorsOf(entries, await readBuffer(device, buffer));
}

/** The tensors that a buffer's bytes hold, in PyTorch's layouts. */
export function tensorsOf(entries: readonly PlacedParameter[], bytes: ArrayBuffer): [string, Float32Array][] {
  const data = new Float32Array(bytes);
  return entries.map((entry) => [
    entry.name,
    fromMemory(entry, data.subarray(entry.offset, entry.offset + entry.count)),
  ]);
}

/**
 * The ranges of the state's entries, by the names of their tensors; with gradients those of their gradients too. The range of an IC
 * unit's weights reaches to the end of its offsets, which lie behind them: both are one operand.
 *
 * @param runningStatistics - a buffer in place of the state's own, laid out alike
 */
export function stateRanges(
  state: NetworkState,
  gradients?: GPUBuffer,
  runningStatistics = state.statistics,
): Map<string, BufferRange> {
  const ranges = new Map<string, BufferRange>();
  const { trained, statistics } = state.layout;
  const range = (buffer: GPUBuffer, { offset, count }: PlacedParameter): BufferRange => ({
    buffer,
    offset: offset * 4,
    size: count * 4,
  });
  for (const entry of trained) {
    ranges.set(parameter(entry.name), range(state.trained, entry));
    if (gradients) ranges.set(parameterGradient(entry.name), range(gradients, entry));
  }
  for (const { role, layer, offset, count } of trained) {
    if (role !== 'offset') continue;
    const adjust = ranges.get(parameter(`${layer}.adjust`))!;
    ranges.set(parameter(`${layer}.adjust`), { ...adjust, size: 4 * (offset + count) - adjust.offset });
  }
  for (const entry of statistics) ranges.set(parameter(entry.name), range(runningStatistics, entry));
  return ranges;
}
