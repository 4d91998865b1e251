import { ICError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { networkParameters, type ParameterSpec } from '../graph/parameters.js';
import { createState, type NetworkState, readState, readTensors, writeState } from '../graph/state.js';
import { describeFaults } from '../graph/stateFaults.js';
import { toMemory } from '../graph/stateLayout.js';
import {
  float32Tensor,
  readSafetensors,
  type SafetensorsTensor,
  toFloat32,
  writeSafetensors,
} from '../io/safetensors.js';
import {
  type CheckpointRecord,
  momentPrefix,
  recordKey,
  refusal,
  requireRecord,
  type TrainingRecord,
} from './checkpointRecord.js';
import type { Trainer } from './trainer.js';

/** A checkpoint read from a file: a network, its state, and where its training stood. */
export interface Checkpoint extends CheckpointRecord {
  /** PyTorch's names and layouts. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** What the optimiser carries, by its own name and the parameter's. */
  readonly moments: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;
}

/**
 * A checkpoint as a safetensors file: the network's state under PyTorch's names and in its layouts, what the optimiser
 * carries under `optimizer.NAME.PARAMETER`, network, training and the names of the classes as JSON in the metadata.
 */
export async function encodeCheckpoint(
  state: NetworkState,
  extra: Pick<CheckpointRecord, 'normalisation' | 'classNames'> & { readonly trainer?: Trainer } = {},
): Promise<Uint8Array> {
  const { network, layout, device } = state;
  const { trainer, normalisation, classNames = trainer?.options.dataset.classNames } = extra;
  const tensors = stateTensors(network, await readState(state));
  const shapes = new Map(layout.trained.map(({ name, shape }) => [name, shape]));
  for (const [moment, buffer] of trainer?.optimiser.moments ?? []) {
    for (const [name, data] of await readTensors(device, buffer, layout.trained)) {
      tensors.push([`${momentPrefix}${moment}.${name}`, float32Tensor(shapes.get(name)!, data)]);
    }
  }
  const training = trainer && trainingRecord(trainer);
  return fileOf(tensors, { network, normalisation, training, classNames });
}

/**
 * The same of a network that is on no device and in no training.
 *
 * @param values the network's whole state by PyTorch's names and in its layouts; counters of batches may be missing
 * @throws ShapeError for a value of another size than the network's
 */
export function encodeNetwork(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  { normalisation, classNames }: Pick<CheckpointRecord, 'normalisation' | 'classNames'> = {},
): Uint8Array {
  return fileOf(stateTensors(network, values), { network, normalisation, classNames });
}

function stateTensors(network: Network, values: ReadonlyMap<string, Float32Array>): [string, SafetensorsTensor][] {
  return networkParameters(network).map(({ name, shape, role }) => {
    const value = values.get(name) ?? new Float32Array();
    return [name, role === 'batchesTracked' ? counter(value[0] ?? 0) : float32Tensor(shape, value)];
  });
}

function fileOf(tensors: [string, SafetensorsTensor][], record: unknown): Uint8Array {
  return writeSafetensors(tensors, { format: 'pt', [recordKey]: JSON.stringify(record) });
}

function trainingRecord({ step, options }: Trainer): TrainingRecord {
  const { steps, seed, batch, dataset, optimiser, distillation } = options;
  const record = { step, steps, seed, batch, dataset: dataset.name, optimiser: optimiser.kind };
  return { ...record, ...(distillation && { distillation: distillation.loss }) };
}

function counter(value: number): SafetensorsTensor {
  return { dtype: 'I64', shape: [], bytes: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer) };
}

/**
 * Reads a checkpoint.
 *
 * @throws FormatError saying where the file is broken, and of the tensors naming some that are missing, left over or of another
 * shape.
 */
export function decodeCheckpoint(bytes: Uint8Array, name = 'checkpoint'): Checkpoint {
  const file = readSafetensors(bytes, name);
  const record = requireRecord(file.metadata, name);
  const { network } = record;
  const specs = networkParameters(network);
  const placed = momentNames(specs, file.tensors.keys());
  checkTensors(network, specs, placed, file.tensors, name);
  const values = new Map(specs.map((spec) => [spec.name, stateValue(spec, file.tensors.get(spec.name)!, name)]));
  const moments = new Map<string, Map<string, Float32Array>>();
  for (const [key, { moment, spec }] of placed) {
    const known = moments.get(moment) ?? new Map<string, Float32Array>();
    moments.set(moment, known.set(spec.name, floats(file.tensors.get(key)!, `${name}, ${key}`)));
  }
  return { ...record, values, moments };
}

/** The names that are those of a trained parameter's moment. */
function momentNames(
  specs: readonly ParameterSpec[],
  names: Iterable<string>,
): Map<string, { readonly moment: string; readonly spec: ParameterSpec }> {
  const trained = new Map(specs.filter(({ trainable }) => trainable).map((spec) => [spec.name, spec]));
  const found = new Map<string, { moment: string; spec: ParameterSpec }>();
  for (const name of names) {
    const [, moment = '', parameter = ''] = /^optimizer\.([^.]+)\.(.+)$/.exec(name) ?? [];
    const spec = trained.get(parameter);
    if (spec) found.set(name, { moment, spec });
  }
  return found;
}

function checkTensors(
  network: Network,
  specs: readonly ParameterSpec[],
  moments: ReadonlyMap<string, { readonly spec: ParameterSpec }>,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  name: string,
): void {
  const shapes = new Map(specs.map((spec) => [spec.name, spec.shape]));
  const missing = [...shapes.keys()].filter((key) => !tensors.has(key));
  for (const [key, { spec }] of moments) shapes.set(key, spec.shape);
  const leftOver = [...tensors.keys()].filter((key) => !shapes.has(key));
  const reshaped = [...tensors]
    .filter(([key, { shape }]) => shapes.has(key) && shape.join() !== shapes.get(key)!.join())
    .map(([key, { shape }]) => `${key} ([${shape}] instead of [${shapes.get(key)}])`);
  const faults = Object.entries({ missing, 'left over': leftOver, 'of another shape': reshaped });
  if (faults.every(([, names]) => names.length === 0)) return;
  throw refusal(name, `the state of ${network.name}`, describeFaults(new Map(faults)));
}

function stateValue(spec: ParameterSpec, tensor: SafetensorsTensor, name: string): Float32Array {
  const where = `${name}, ${spec.name}`;
  if (spec.role !== 'batchesTracked') return floats(tensor, where);
  const { buffer, byteOffset } = tensor.bytes;
  const count =
    tensor.dtype === 'I64'
      ? Number(new DataView(buffer, byteOffset, 8).getBigInt64(0, true))
      : floats(tensor, where)[0]!;
  if (!Number.isSafeInteger(count) || count < 0) throw refusal(where, 'a count', `${count}`);
  return Float32Array.of(count);
}

function floats(tensor: SafetensorsTensor, where: string): Float32Array {
  try {
    return toFloat32(tensor);
  } catch (error) {
    throw error instanceof ICError ? error.at(where) : error;
  }
}

/** A network's state on a device, as a checkpoint holds it. */
export function restoreState(device: GPUDevice, checkpoint: Checkpoint): NetworkState {
  const state = createState(device, checkpoint.network);
  writeState(state, checkpoint.values);
  return state;
}

/**
 * Puts a trainer where a checkpoint was taken: step and what the optimiser carries. The state is restored beforehand.
 *
 * @throws FormatError where the checkpoint's training was another one: its optimiser, seed, batch, steps, data set or
 * distillation.
 */
export function restoreTrainer(trainer: Trainer, checkpoint: Checkpoint): void {
  const { training, moments } = checkpoint;
  if (!training) throw refusal('checkpoint', 'a training to resume', 'a network without one');
  const current = trainingRecord(trainer);
  for (const key of ['optimiser', 'seed', 'batch', 'steps', 'dataset', 'distillation'] as const) {
    if (training[key] === current[key]) continue;
    throw refusal(
      `checkpoint, training.${key}`,
      `${current[key] ?? 'none'}, as asked for`,
      `${training[key] ?? 'none'}`,
    );
  }
  const { layout, device } = trainer.state;
  const writes = [...trainer.optimiser.moments].flatMap(([moment, buffer]) =>
    layout.trained.map((entry) => {
      const data = moments.get(moment)?.get(entry.name);
      if (data?.length === entry.count) return { buffer, offset: entry.offset * 4, data: toMemory(entry, data) };
      const got = data ? `${data.length}` : 'none';
      throw refusal(`checkpoint, ${momentPrefix}${moment}.${entry.name}`, `${entry.count} numbers`, got);
    }),
  );
  for (const { buffer, offset, data } of writes) {
    device.queue.writeBuffer(buffer, offset, data as Float32Array<ArrayBuffer>);
  }
  trainer.step = training.step;
}
