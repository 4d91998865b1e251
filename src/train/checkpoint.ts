import { writeBuffer } from '../device/buffers.js';
import { ICError, NumericError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { networkParameters, type ParameterSpec } from '../graph/parameters.js';
import { createState, type NetworkState, readSnapshot, stateValues, tensorsOf, writeState } from '../graph/state.js';
import { describeFaults } from '../graph/stateFaults.js';
import { toMemory } from '../graph/stateLayout.js';
import { findFault } from '../graph/stateValues.js';
import { checkFree } from '../graph/uses.js';
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
  recordText,
  refusal,
  requireRecord,
  trainingRecord,
} from './checkpointRecord.js';
import { lossScaleState, writeLossScale } from './lossScaleState.js';
import { goodSteps } from './stepStatus.js';
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
 *
 * It holds the moment of the call, also while the trainer runs: the last step submitted then, which is ahead of the steps
 * reported, or the last good one where a later one was not finite. Any number of calls may go on at once.
 *
 * @throws ShapeError for what `decodeCheckpoint` would not read again, such as class names with control characters;
 * NumericError for a value that a file may not hold, naming its tensor; BusyError while weights are loaded into the
 * state; DeviceLostError.
 */
export async function encodeCheckpoint(
  state: NetworkState,
  extra: Pick<CheckpointRecord, 'normalisation' | 'classNames'> & { readonly trainer?: Trainer } = {},
): Promise<Uint8Array> {
  const operation = 'encodeCheckpoint';
  const { network, layout } = state;
  const { trainer, normalisation, classNames = trainer?.options.dataset.classNames } = extra;
  const moments = [...(trainer?.optimiser.moments ?? [])];
  const submitted = trainer && trainingRecord(trainer);
  const buffers = trainer ? [trainer.status, ...moments.map(([, buffer]) => buffer)] : [];
  const scales = trainer?.lossScale ? [trainer.lossScale] : [];
  const snapshot = await readSnapshot(state, operation, [...buffers, ...scales]);
  const [status, ...momentBytes] = snapshot.others;
  const scaleBytes = scales.length > 0 ? momentBytes.pop() : undefined;
  const step = submitted && goodSteps(status!, submitted.step);
  const batchesTracked = snapshot.batchesTracked - (submitted ? trainer!.parts * (submitted.step - step!) : 0);
  const tensors = stateTensors(network, stateValues(state, { ...snapshot, batchesTracked }), operation);
  moments.forEach(([moment], index) => {
    const values = new Map(tensorsOf(layout.trained, momentBytes[index]!));
    for (const spec of layout.trained) {
      const name = `${momentPrefix}${moment}.${spec.name}`;
      tensors.push([name, finiteTensor({ ...spec, name }, values.get(spec.name)!, operation)]);
    }
  });
  const training = submitted && {
    ...submitted,
    step,
    ...(scaleBytes && { lossScale: lossScaleState(scaleBytes) }),
  };
  return fileOf(tensors, { network, normalisation, training, classNames });
}

/**
 * The same of a network that is on no device and in no training.
 *
 * @param values the network's whole state by PyTorch's names and in its layouts; counters of batches may be missing
 * @throws ShapeError for a value of another size than the network's, and for what `decodeCheckpoint` would not read again;
 * NumericError for a value that a file may not hold
 */
export function encodeNetwork(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  { normalisation, classNames }: Pick<CheckpointRecord, 'normalisation' | 'classNames'> = {},
): Uint8Array {
  return fileOf(stateTensors(network, values, 'encodeNetwork'), {
    network,
    normalisation,
    training: undefined,
    classNames,
  });
}

function stateTensors(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  operation: string,
): [string, SafetensorsTensor][] {
  return networkParameters(network).map((spec) => [
    spec.name,
    finiteTensor(spec, values.get(spec.name) ?? new Float32Array(), operation),
  ]);
}

/** A tensor of a file, which never holds what its reader refuses. */
function finiteTensor(spec: ParameterSpec, values: Float32Array, operation: string): SafetensorsTensor {
  const fault = findFault(spec, values);
  if (!fault) return spec.role === 'batchesTracked' ? counter(values[0] ?? 0) : float32Tensor(spec.shape, values);
  const { expected, got, element } = fault;
  throw new NumericError({ operation, parameter: `${spec.name}, element ${element}`, expected, got });
}

function fileOf(tensors: [string, SafetensorsTensor][], record: Parameters<typeof recordText>[0]): Uint8Array {
  return writeSafetensors(tensors, { format: 'pt', [recordKey]: recordText(record, 'encodeCheckpoint') });
}

function counter(value: number): SafetensorsTensor {
  return { dtype: 'I64', shape: [], bytes: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer) };
}

/**
 * Reads a checkpoint.
 *
 * @throws FormatError saying where the file is broken, and of the tensors naming some that are missing, left over or of another
 * shape; a number that is not finite and a negative running variance are refused, as `loadWeights` does. UnsupportedError for a
 * tensor of a type that is not computed with, LimitError as `readSafetensors` does.
 */
export function decodeCheckpoint(bytes: Uint8Array, name = 'checkpoint'): Checkpoint {
  const file = readSafetensors(bytes, name);
  const record = requireRecord(file.metadata, name);
  const { network } = record;
  const specs = networkParameters(network);
  const placed = momentNames(specs, file.tensors.keys());
  checkTensors(network, specs, placed, file.tensors, name);
  const valuesOf = (key: string, spec: ParameterSpec): Float32Array =>
    fileValues(spec, file.tensors.get(key)!, `${name}, ${key}`);
  const values = new Map(specs.map((spec) => [spec.name, valuesOf(spec.name, spec)]));
  const moments = new Map<string, Map<string, Float32Array>>();
  for (const [key, { moment, spec }] of placed) {
    const known = moments.get(moment) ?? new Map<string, Float32Array>();
    moments.set(moment, known.set(spec.name, valuesOf(key, spec)));
  }
  return { ...record, values, moments };
}

/** The names that are those of a trained parameter's moment. */
function momentNames(
  specs: readonly ParameterSpec[],
  names: Iterable<string>,
): Map<string, { readonly moment: string; readonly spec: ParameterSpec }> {
  const trained = new Map(specs.filter(({ trainable }) => trainable).map((spec) => [spec.name, spec]));
  const own = new Set(specs.map(({ name }) => name));
  const found = new Map<string, { moment: string; spec: ParameterSpec }>();
  for (const name of names) {
    const [, moment = '', parameter = ''] = /^optimizer\.([^.]+)\.(.+)$/.exec(name) ?? [];
    const spec = trained.get(parameter);
    if (spec && !own.has(name)) found.set(name, { moment, spec });
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

/** The values of an entry, or of what an optimiser carries for it, of which `loadWeights` would take every one. */
function fileValues(spec: ParameterSpec, tensor: SafetensorsTensor, where: string): Float32Array {
  const counts = spec.role === 'batchesTracked' && tensor.dtype === 'I64';
  const values = counts ? Float32Array.of(countOf(tensor)) : floats(tensor, where);
  const fault = findFault(spec, values);
  if (!fault) return values;
  throw refusal(`${where}, element ${fault.element}`, fault.expected, fault.got);
}

function countOf({ bytes: { buffer, byteOffset } }: SafetensorsTensor): number {
  return Number(new DataView(buffer, byteOffset, 8).getBigInt64(0, true));
}

function floats(tensor: SafetensorsTensor, where: string): Float32Array {
  try {
    return toFloat32(tensor);
  } catch (error) {
    throw error instanceof ICError ? error.at(where) : error;
  }
}

/**
 * A network's state on a device, as a checkpoint holds it.
 *
 * @throws LimitError where the device cannot hold it.
 */
export function restoreState(device: GPUDevice, checkpoint: Checkpoint): NetworkState {
  const state = createState(device, checkpoint.network);
  writeState(state, checkpoint.values);
  return state;
}

/**
 * Puts a trainer where a checkpoint was taken: step and what the optimiser carries. The state is restored beforehand.
 *
 * @throws FormatError where the checkpoint's training was another one: its optimiser, seed, batch, steps, data set, distillation or
 * precision; BusyError while the trainer runs.
 */
export function restoreTrainer(trainer: Trainer, checkpoint: Checkpoint): void {
  const { training, moments } = checkpoint;
  trainer.state.assertUsable('restoreTrainer');
  checkFree('restoreTrainer', { thing: trainer.state, name: 'trainer', use: 'step' });
  if (!training) throw refusal('checkpoint', 'a training to resume', 'a network without one');
  const current = trainingRecord(trainer);
  for (const key of ['optimiser', 'seed', 'batch', 'steps', 'dataset', 'distillation', 'precision'] as const) {
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
    writeBuffer(device, buffer, data as Float32Array<ArrayBuffer>, offset);
  }
  if (trainer.lossScale && training.lossScale) {
    writeLossScale(device, trainer.lossScale, training.lossScale, trainer.optimiser);
  }
  trainer.step = training.step;
}
