import { FormatError, UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { elementCount, networkParameters } from '../graph/parameters.js';
import { inferShapes } from '../graph/shapes.js';
import { createState, type NetworkState } from '../graph/state.js';
import { type ByteSource, openBytes } from '../io/byteSource.js';
import type { Normalisation } from '../io/dataset.js';
import { readWhole } from '../io/fileError.js';
import { fileKind } from '../io/fileKind.js';
import { imageNetClasses } from '../io/imageNetClasses.js';
import { parseJson } from '../io/json.js';
import { openFile } from '../io/openFile.js';
import { imageNetTransform, type PictureTransform } from '../io/picture.js';
import type { ResampleFilter } from '../io/resample.js';
import { networkByName } from '../models/networkByName.js';
import type { Output } from '../terminal/output.js';
import { progressBar } from '../terminal/progress.js';
import { type CheckpointRecord, momentPrefix, readRecord } from '../train/checkpointRecord.js';
import { identifyNetworks } from '../weights/identify.js';
import { type LoadWeightsOptions, loadWeights } from '../weights/load.js';
import { matchWeights, type Names } from '../weights/match.js';
import { isAuxiliary, publishedNormalisation } from '../weights/published.js';
import { openWeights, type WeightsFile } from '../weights/weightsFile.js';

export interface ModelFlags {
  /** The network that the weights are of; a checkpoint of this package says so itself. */
  readonly model?: string;
  readonly resize?: number;
  readonly crop?: number;
  readonly filter: ResampleFilter;
  readonly mean?: readonly number[];
  readonly deviation?: readonly number[];
  /** A file of class names. */
  readonly names?: string;
}

/** A class as it is shown. */
export interface NamedClass {
  readonly name: string;
  /** WordNet's number, for ImageNet's classes. */
  readonly id?: string;
}

/** A file of weights with everything that is needed to run its network on pictures. */
export interface Model {
  readonly network: Network;
  readonly file: WeightsFile;
  /** What a checkpoint says of itself; plain weights say nothing. */
  readonly record: CheckpointRecord | undefined;
  readonly classes: number;
  readonly classNames: readonly NamedClass[] | undefined;
}

/**
 * Where a file is that is elsewhere.
 *
 * @throws UnsupportedError for an address that leads nowhere
 */
export function addressOf(path: string): URL | undefined {
  if (!/^https?:\/\//i.test(path)) return undefined;
  if (URL.canParse(path)) return new URL(path);
  throw new UnsupportedError({ operation: 'open', parameter: 'address', expected: 'an address of a host', got: path });
}

/** Opens a file on disk or at an address. */
export async function openSource(path: string): Promise<ByteSource> {
  const address = addressOf(path);
  return address ? openBytes(address) : openFile(path);
}

/**
 * Opens weights and finds out which network they are of.
 *
 * @throws UnsupportedError where nothing says so, FormatError where the file is broken
 */
export async function openModel(
  path: string,
  flags: Pick<ModelFlags, 'model' | 'crop' | 'names'>,
  output: Output,
): Promise<Model> {
  const file = await openWeights(await openSource(path));
  try {
    const record = readRecord(file.metadata, path);
    const name = flags.model ?? (record ? undefined : identified(file, output));
    const network = name === undefined ? ownNetwork(record!, flags) : namedModel(name, flags.crop, file);
    checkMatch(network, file, record);
    const classes = elementCount(inferShapes(network, 1).get(network.layers.at(-1)!.name)!);
    return { network, file, record, classes, classNames: await namesOf(classes, record, flags) };
  } catch (error) {
    await file.source.close();
    throw error;
  }
}

/** The network that a checkpoint names, whose pictures have one size. */
function ownNetwork({ network }: CheckpointRecord, { crop }: Pick<ModelFlags, 'crop'>): Network {
  const { height, width } = network.input;
  if (crop === undefined || (crop === height && crop === width)) return network;
  const expected = `${height} x ${width}, the input of ${network.name}; the size is for networks by name`;
  throw new UnsupportedError({ operation: 'openModel', parameter: '--crop', expected, got: `${crop}` });
}

/** The name of the only network whose weights a file can hold. */
function identified(file: WeightsFile, output: Output): string {
  const found = identifyNetworks(file);
  const [name] = found;
  if (name !== undefined && found.length === 1) {
    output.say(`Network: ${name}, by the names and shapes of its weights`);
    return name;
  }
  const expected = 'the name of the network that the weights are of, as in --model resnet50';
  const fitting = found.length > 0 ? `may be of ${found.join(' or ')}` : 'has the names of no network that is known';
  const got = `none, and ${file.name} ${fitting}`;
  throw new UnsupportedError({ operation: 'openModel', parameter: '--model', expected, got });
}

/** Refuses weights of another network, and says of which. */
function checkMatch(network: Network, file: WeightsFile, record: CheckpointRecord | undefined): void {
  try {
    matchWeights(network, file, unusedOf(record));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const name = record?.network.name ?? identifyNetworks(file)[0];
    if (name === undefined || name === network.name) throw error;
    throw new FormatError({ ...error, got: `that of ${name}` }, { cause: error });
  }
}

export function unusedOf(record: CheckpointRecord | undefined): { readonly unused: Names } {
  return { unused: record ? isMoment : isAuxiliary };
}

/** The network of a name, with as many classes as the file's head has. */
function namedModel(name: string, crop: number | undefined, { tensors }: WeightsFile): Network {
  const usual = networkByName(name);
  const head = networkParameters(usual).at(-1)!.layer;
  const classes = tensors.get(`${head}.weight`)?.shape[0];
  const input = crop === undefined ? undefined : { ...usual.input, height: crop, width: crop };
  return networkByName(name, { ...(classes && { classes }), ...(input && { input }) });
}

async function namesOf(
  classes: number,
  record: CheckpointRecord | undefined,
  { names }: Pick<ModelFlags, 'names'>,
): Promise<readonly NamedClass[] | undefined> {
  if (names !== undefined) return readNames(names, classes);
  if (record?.classNames) return record.classNames.map((name) => ({ name }));
  return record === undefined && classes === imageNetClasses().length ? imageNetClasses() : undefined;
}

/** Class names from a file: a line each, or a JSON array. */
async function readNames(path: string, classes: number): Promise<readonly NamedClass[]> {
  const bytes = await readWhole('readNames', path);
  const text = new TextDecoder().decode(bytes);
  const names: unknown = text.trimStart().startsWith('[')
    ? parseJson(text, 'readNames', path)
    : text.trim().split(/\r?\n/);
  if (Array.isArray(names) && names.length === classes && names.every((name) => typeof name === 'string')) {
    return names.map((name) => ({ name }));
  }
  const kind = fileKind(bytes);
  const found = Array.isArray(names) ? `${names.length}` : 'none';
  throw nameFailure(path, `${classes} names`, kind === undefined || kind === 'JSON' ? found : kind);
}

function nameFailure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'readNames', parameter, expected, got });
}

/** A model's state on a device, its weights loaded. */
export async function loadModel(device: GPUDevice, model: Model, output: Output): Promise<NetworkState> {
  const state = createState(device, model.network);
  try {
    await loadWithBar(state, model.file, unusedOf(model.record), output);
    return state;
  } catch (error) {
    state.dispose();
    throw error;
  }
}

/** What an optimiser carries is of no use without its training. */
export function isMoment(name: string): boolean {
  return name.startsWith(momentPrefix);
}

/** Loads weights with a bar of the megabytes. */
export async function loadWithBar(
  state: NetworkState,
  file: WeightsFile,
  options: LoadWeightsOptions,
  output: Output,
): Promise<void> {
  const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);
  const bar = progressBar('Loading', megabytes(file.dataBytes), output);
  const onProgress: LoadWeightsOptions['onProgress'] = ({ bytes }) => bar.update(megabytes(bytes), 'MB');
  await loadWeights(state, file, { ...options, onProgress }).finally(() => bar.stop());
}

/**
 * How pictures become the model's input: as the flags say, else as they were trained on for a checkpoint, else as
 * torchvision's ImageNet networks are evaluated, by name.
 *
 * @throws UnsupportedError for a network of other than 1 or 3 channels, or of 1 that nothing says the normalisation of
 */
export function pictureOptions(
  { network, record }: Model,
  flags: ModelFlags,
): { readonly transform: PictureTransform; readonly normalisation: Normalisation } {
  const { height, width, channels } = network.input;
  const shorter = Math.max(height, width);
  const { resize, crop } = imageNetTransform;
  const usualResize = record ? shorter : Math.round((shorter * resize) / crop.height);
  const usual = record?.normalisation ?? (channels === 3 ? publishedNormalisation(network) : undefined);
  const mean = flags.mean ?? usual?.mean;
  const deviation = flags.deviation ?? usual?.deviation;
  if (mean?.length !== channels || deviation?.length !== channels) {
    const expected = `--mean and --deviation with ${channels} numbers, one a channel`;
    throw new UnsupportedError({ operation: 'pictures', parameter: network.name, expected, got: 'no such numbers' });
  }
  return {
    transform: { resize: flags.resize ?? usualResize, crop: { height, width }, filter: flags.filter },
    normalisation: { mean, deviation },
  };
}
