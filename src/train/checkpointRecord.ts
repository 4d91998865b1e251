import { FormatError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { describeJson, parseNetwork } from '../graph/networkJson.js';
import { elementCount } from '../graph/parameters.js';
import { inferShapes } from '../graph/shapes.js';
import { requireReadable } from '../io/checks.js';
import type { Normalisation } from '../io/dataset.js';
import { classNamesFault, normalisationFault } from '../io/imageMetadata.js';
import { parseJson } from '../io/json.js';
import { isLossScale, type LossScaleState } from './lossScaleState.js';
import type { Trainer } from './trainer.js';

/** What a checkpoint says of the training it was taken from. */
export interface TrainingRecord {
  /** Steps done. */
  readonly step: number;
  /** Of the whole training. */
  readonly steps: number;
  /** Of order and augmentation. */
  readonly seed: number;
  /** Images a step. */
  readonly batch: number;
  /** Its name. */
  readonly dataset: string;
  /** Its kind. */
  readonly optimiser: 'sgd' | 'adamW';
  /** The loss of its distillation, where it has a teacher. */
  readonly distillation?: 'mse' | 'kl';
  /** Of its activations and gradients, where that is not float32. */
  readonly precision?: 'float16';
  /** Where its loss scale stood, in float16. */
  readonly lossScale?: LossScaleState;
}

/** What a checkpoint's metadata say. */
export interface CheckpointRecord {
  /** Whose state it is. */
  readonly network: Network;
  /** Of the images it was trained on, where it is known. */
  readonly normalisation?: Normalisation;
  /** How far it was trained, where it is known. */
  readonly training?: TrainingRecord;
  /** One for each class of the network's data, which may have fewer than the network. */
  readonly classNames?: readonly string[];
}

/** Where the metadata of a file hold its record. */
export const recordKey = 'ic-networks';
/** Ahead of the names of what the optimiser carries. */
export const momentPrefix = 'optimizer.';

/** What a trainer is at. */
export function trainingRecord({ step, options }: Pick<Trainer, 'step' | 'options'>): TrainingRecord {
  const { steps, seed, batch, dataset, optimiser, distillation, precision } = options;
  const record = { step, steps, seed, batch, dataset: dataset.name, optimiser: optimiser.kind };
  return {
    ...record,
    ...(distillation && { distillation: distillation.loss }),
    ...(precision === 'float16' && { precision }),
  };
}

/**
 * A record as text.
 *
 * @throws ShapeError for one that {@link readRecord} would refuse
 */
export function recordText(record: Readonly<Record<keyof CheckpointRecord, unknown>>, operation: string): string {
  const text = JSON.stringify(record);
  requireReadable(operation, () => readRecord({ [recordKey]: text }, 'checkpoint'));
  return text;
}

/**
 * The record in the metadata of a file, if there is one.
 *
 * @throws FormatError saying where it is broken, LimitError for more than a million values
 */
export function readRecord(metadata: Readonly<Record<string, string>>, name: string): CheckpointRecord | undefined {
  if (!Object.hasOwn(metadata, recordKey)) return undefined;
  const record = parseRecord(metadata[recordKey]!, `${name}, __metadata__.${recordKey}`);
  const network = parseNetwork(record.network, `${name}, network`);
  const { normalisation, training, classNames } = record;
  return {
    network,
    ...(normalisation !== undefined && { normalisation: parseNormalisation(normalisation, network, name) }),
    ...(training !== undefined && { training: parseTraining(training, name) }),
    ...(classNames !== undefined && { classNames: parseClassNames(classNames, network, name) }),
  };
}

/** The same where there must be one. */
export function requireRecord(metadata: Readonly<Record<string, string>>, name: string): CheckpointRecord {
  const record = readRecord(metadata, name);
  if (record) return record;
  throw refusal(`${name}, __metadata__.${recordKey}`, 'the network that the file is of', 'none');
}

function parseRecord(text: string, where: string): Record<string, unknown> {
  const record = parseJson(text, 'checkpoint', where);
  if (typeof record === 'object' && record !== null) return record as Record<string, unknown>;
  throw refusal(where, 'an object', text);
}

function parseNormalisation(value: unknown, { input }: Network, name: string): Normalisation {
  const fault = normalisationFault(value, input.channels);
  if (fault) throw refusal(`${name}, normalisation`, fault.expected, describeJson(fault.got));
  const { mean, deviation } = value as Normalisation;
  return { mean, deviation };
}

function parseTraining(value: unknown, name: string): TrainingRecord {
  const record = (value ?? {}) as Record<keyof TrainingRecord, unknown>;
  const { step, steps, seed, batch, dataset, optimiser, distillation, precision, lossScale } = record;
  const integer = (entry: unknown): entry is number => Number.isSafeInteger(entry);
  const counts = integer(step) && integer(steps) && step >= 0 && steps >= Math.max(step, 1);
  const rest = integer(seed) && integer(batch) && batch >= 1 && typeof dataset === 'string';
  const kinds = [undefined, 'mse', 'kl'].includes(distillation as undefined);
  const scaled = precision === 'float16' ? isLossScale(lossScale) : precision === undefined;
  if (counts && rest && kinds && scaled && (optimiser === 'sgd' || optimiser === 'adamW'))
    return record as TrainingRecord;
  const expected = 'step, steps, seed, batch, dataset, optimiser and perhaps distillation, precision and lossScale';
  throw refusal(`${name}, training`, expected, describeJson(value));
}

function parseClassNames(value: unknown, network: Network, name: string): readonly string[] {
  const classes = elementCount(inferShapes(network, 1).get(network.layers.at(-1)!.name)!);
  const fault = classNamesFault(value, classes);
  if (fault) throw refusal(`${name}, classNames`, fault.expected, describeJson(fault.got));
  return value as readonly string[];
}

export function refusal(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'checkpoint', parameter, expected, got });
}
