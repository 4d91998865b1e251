import type { Network } from '../graph/network.js';
import { elementCount } from '../graph/parameters.js';
import { inferShapes } from '../graph/shapes.js';
import type { Normalisation } from '../io/dataset.js';
import { malformed } from './modelFile.js';

/** What a file says of a network besides the graph. */
export interface Metadata {
  /** Of the images that the network takes. */
  readonly normalisation?: Normalisation;
  /** In the order of the logits. */
  readonly classNames?: readonly string[];
}

/** A piece of a file's metadata. */
interface Entry {
  readonly key: string;
  readonly value: string;
}

/** The keys in a file's metadata; values are JSON. */
const keys = { normalisation: 'ic-networks.normalisation', classNames: 'ic-networks.class_names' };

export function writeMetadata({ normalisation, classNames }: Metadata): Entry[] {
  const entry = (key: string, value: unknown) => (value === undefined ? [] : [{ key, value: JSON.stringify(value) }]);
  return [...entry(keys.normalisation, normalisation), ...entry(keys.classNames, classNames)];
}

/**
 * What `encodeOnnx` put into a file's metadata.
 *
 * @param name - the file's, for errors
 * @throws FormatError where it does not fit the network
 */
export function readMetadata(entries: readonly Entry[], network: Network, name: string): Metadata {
  const normalisation = parsed(entries, keys.normalisation, name);
  const classNames = parsed(entries, keys.classNames, name);
  return {
    ...(normalisation !== undefined && { normalisation: checkNormalisation(normalisation, network, name) }),
    ...(classNames !== undefined && { classNames: checkClassNames(classNames, network, name) }),
  };
}

function parsed(entries: readonly Entry[], key: string, name: string): unknown {
  const entry = entries.find((candidate) => candidate.key === key);
  try {
    return entry && (JSON.parse(entry.value) as unknown);
  } catch (error) {
    throw malformed(`${name}, metadata ${key}`, 'JSON', (error as Error).message.slice(0, 200));
  }
}

function checkNormalisation(value: unknown, { input: { channels } }: Network, name: string): Normalisation {
  const { mean, deviation } = (value ?? {}) as Partial<Record<'mean' | 'deviation', unknown>>;
  const numbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length === channels && list.every(Number.isFinite);
  if (numbers(mean) && numbers(deviation) && deviation.every((entry) => entry > 0)) return { mean, deviation };
  throw malformed(`${name}, metadata ${keys.normalisation}`, `mean and deviation of ${channels} channels`, 'others');
}

function checkClassNames(value: unknown, network: Network, name: string): readonly string[] {
  const classes = classCount(network);
  if (Array.isArray(value) && value.length <= classes && value.every((item) => typeof item === 'string')) return value;
  throw malformed(`${name}, metadata ${keys.classNames}`, `names of at most ${classes} classes`, 'others');
}

/** The number of logits. */
export function classCount(network: Network): number {
  return elementCount(inferShapes(network, 1).get(network.layers.at(-1)!.name)!);
}
