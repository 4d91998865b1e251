import type { Network } from '../graph/network.js';
import { describeJson } from '../graph/networkJson.js';
import { elementCount } from '../graph/parameters.js';
import { inferShapes } from '../graph/shapes.js';
import { requireReadable } from '../io/checks.js';
import type { Normalisation } from '../io/dataset.js';
import { classNamesFault, normalisationFault } from '../io/imageMetadata.js';
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

/**
 * The metadata of a file.
 *
 * @throws ShapeError for what {@link readMetadata} would refuse
 */
export function writeMetadata({ normalisation, classNames }: Metadata, network: Network): Entry[] {
  const entry = (key: string, value: unknown) => (value === undefined ? [] : [{ key, value: JSON.stringify(value) }]);
  const entries = [...entry(keys.normalisation, normalisation), ...entry(keys.classNames, classNames)];
  requireReadable('encodeOnnx', () => readMetadata(entries, network, network.name));
  return entries;
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

function checkNormalisation(value: unknown, { input }: Network, name: string): Normalisation {
  const fault = normalisationFault(value, input.channels);
  if (fault) throw malformed(`${name}, metadata ${keys.normalisation}`, fault.expected, describeJson(fault.got));
  const { mean, deviation } = value as Normalisation;
  return { mean, deviation };
}

function checkClassNames(value: unknown, network: Network, name: string): readonly string[] {
  const fault = classNamesFault(value, classCount(network));
  if (fault) throw malformed(`${name}, metadata ${keys.classNames}`, fault.expected, describeJson(fault.got));
  return value as readonly string[];
}

/** The number of logits. */
export function classCount(network: Network): number {
  return elementCount(inferShapes(network, 1).get(network.layers.at(-1)!.name)!);
}
