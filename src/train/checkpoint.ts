import { FormatError, ICError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { describeJson, parseNetwork } from '../graph/networkJson.js';
import { networkParameters, type ParameterSpec } from '../graph/parameters.js';
import { createState, type NetworkState, readState, readTensors, writeState } from '../graph/state.js';
import { toMemory } from '../graph/stateLayout.js';
import type { Normalisation } from '../io/dataset.js';
import {
  float32Tensor,
  readSafetensors,
  type Safetensors,
  type SafetensorsTensor,
  toFloat32,
  writeSafetensors,
} from '../io/safetensors.js';
import type { Trainer } from './trainer.js';

/** What a checkpoint says of the training it was taken from. */
export interface TrainingRecord {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  readonly seed: number;
  readonly batch: number;
  readonly dataset: string;
  readonly optimiser: 'sgd' | 'adamW';
  /** The loss of its distillation, where it has a teacher. */
  readonly distillation?: 'mse' | 'kl';
}

/** A checkpoint read from a file: a network, its state, and where its training stood. */
export interface Checkpoint {
  readonly network: Network;
  /** PyTorch's names and layouts. */
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly normalisation?: Normalisation;
  readonly training?: TrainingRecord;
  /** What the optimiser carries, by its own name and the parameter's. */
  readonly moments: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;
}

const recordKey = 'ic-networks';
const momentPrefix = 'optimizer.';

/**
 * A checkpoint as a safetensors file: the network's state under PyTorch's names and in its layouts, what the optimiser
 * carries under `optimizer.NAME.PARAMETER`, network and training as JSON in the metadata.
 */
export async function encodeCheckpoint(
  state: NetworkState,
  extra: { readonly normalisation?: Normalisation; readonly trainer?: Trainer } = {},
): Promise<Uint8Array> {
  const { network, layout, device } = state;
  const { trainer, normalisation } = extra;
  const values = await readState(state);
  const tensors: [string, SafetensorsTensor][] = networkParameters(network).map(({ name, shape, role }) => [
    name,
    role === 'batchesTracked' ? counter(state.batchesTracked) : float32Tensor(shape, values.get(name)!),
  ]);
  const shapes = new Map(layout.trained.map(({ name, shape }) => [name, shape]));
  for (const [moment, buffer] of trainer?.optimiser.moments ?? []) {
    for (const [name, data] of await readTensors(device, buffer, layout.trained)) {
      tensors.push([`${momentPrefix}${moment}.${name}`, float32Tensor(shapes.get(name)!, data)]);
    }
  }
  const training = trainer && trainingRecord(trainer);
  const record = JSON.stringify({ network, normalisation, training });
  return writeSafetensors(tensors, { format: 'pt', [recordKey]: record });
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
 * @throws FormatError saying where the file is broken, and of the tensors listing what is missing, left over or of another
 * shape.
 */
export function decodeCheckpoint(bytes: Uint8Array, name = 'checkpoint'): Checkpoint {
  const file = readSafetensors(bytes, name);
  const record = parseRecord(file, name);
  const network = parseNetwork(record.network, `${name}, network`);
  const specs = networkParameters(network);
  const placed = momentNames(specs, file.tensors.keys());
  checkTensors(network, specs, placed, file.tensors, name);
  const values = new Map(specs.map((spec) => [spec.name, stateValue(spec, file.tensors.get(spec.name)!, name)]));
  const moments = new Map<string, Map<string, Float32Array>>();
  for (const [key, { moment, spec }] of placed) {
    const known = moments.get(moment) ?? new Map<string, Float32Array>();
    moments.set(moment, known.set(spec.name, floats(file.tensors.get(key)!, `${name}, ${key}`)));
  }
  return {
    network,
    values,
    moments,
    ...(record.normalisation !== undefined && {
      normalisation: parseNormalisation(record.normalisation, network, name),
    }),
    ...(record.training !== undefined && { training: parseTraining(record.training, name) }),
  };
}

function parseRecord({ metadata }: Safetensors, name: string): Record<string, unknown> {
  const where = `${name}, __metadata__.${recordKey}`;
  const text = Object.hasOwn(metadata, recordKey) ? metadata[recordKey]! : undefined;
  if (text === undefined) throw refusal(where, 'the network that the file is of', 'none');
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record === 'object' && record !== null) return record as Record<string, unknown>;
  } catch (error) {
    throw refusal(where, 'JSON', (error as Error).message);
  }
  throw refusal(where, 'an object', text.slice(0, 100));
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
  const faults = Object.entries({ missing, 'left over': leftOver, 'of another shape': reshaped })
    .filter(([, list]) => list.length > 0)
    .map(([what, list]) => `${what}: ${list.join(', ')}`);
  if (faults.length > 0) throw refusal(name, `the state of ${network.name}`, faults.join('; '));
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

function parseNormalisation(value: unknown, { input }: Network, name: string): Normalisation {
  const { mean, deviation } = (value ?? {}) as Partial<Record<'mean' | 'deviation', unknown>>;
  const numbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length === input.channels && list.every((entry) => Number.isFinite(entry));
  if (numbers(mean) && numbers(deviation) && deviation.every((entry) => entry > 0)) return { mean, deviation };
  throw refusal(`${name}, normalisation`, `mean and deviation of ${input.channels} channels`, describeJson(value));
}

function parseTraining(value: unknown, name: string): TrainingRecord {
  const record = (value ?? {}) as Record<keyof TrainingRecord, unknown>;
  const { step, steps, seed, batch, dataset, optimiser, distillation } = record;
  const integer = (entry: unknown): entry is number => Number.isSafeInteger(entry);
  const counts = integer(step) && integer(steps) && step >= 0 && steps >= Math.max(step, 1);
  const rest = integer(seed) && integer(batch) && batch >= 1 && typeof dataset === 'string';
  const kinds = [undefined, 'mse', 'kl'].includes(distillation as undefined);
  if (counts && rest && kinds && (optimiser === 'sgd' || optimiser === 'adamW')) return record as TrainingRecord;
  const expected = 'step, steps, seed, batch, dataset, optimiser and perhaps distillation';
  throw refusal(`${name}, training`, expected, describeJson(value));
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

function refusal(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'checkpoint', parameter, expected, got });
}
