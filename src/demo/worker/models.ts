import { compileInference, type InferenceNetwork } from '../../graph/inference.js';
import type { Network } from '../../graph/network.js';
import type { NetworkState } from '../../graph/state.js';
import type { Normalisation } from '../../io/dataset.js';
import { summarise } from '../../models/summary.js';
import type { Precision } from '../../ops/precision.js';
import { decodeCheckpoint, restoreState } from '../../train/checkpoint.js';
import { indexedDBTuningStore } from '../../tune/indexedDBStore.js';
import digitsAddress from '../models/digits.safetensors?url';
import { type ModelDescription, type ModelName, type Role, roles } from '../protocol.js';
import { trainingContestant } from './contestants.js';
import { gpuDevice } from './gpu.js';

/** A network ready to classify pictures, one at a time. */
export interface Model {
  readonly name: ModelName;
  readonly network: Network;
  readonly state: NetworkState;
  readonly normalisation: Normalisation;
  readonly inference: InferenceNetwork;
}

/** What a model is made of, on whichever device there is. */
export interface Source {
  readonly network: Network;
  readonly normalisation: Normalisation;
  readonly classes?: readonly string[];
  load(device: GPUDevice): Promise<NetworkState>;
}

let shipped: Promise<Source> | undefined;
let opened: Source | undefined;
const precisions: readonly Precision[] = ['float32', 'float16'];
const compiled: Readonly<Record<Precision, Map<ModelName, Promise<Model>>>> = {
  float32: new Map(),
  float16: new Map(),
};

/**
 * Takes a network from a file as the model `file`: a checkpoint of this package, or weights of a ResNet in torchvision's names.
 *
 * @throws FormatError for any other file
 */
export async function openModel(file: File): Promise<ModelDescription> {
  const { openSource } = await import('./opened.js');
  const source = await openSource(file);
  opened = source;
  await forget('file');
  return describe('file', source.network, source.classes);
}

/** The models that there are now. */
export async function listModels(): Promise<ModelDescription[]> {
  const trained = roles.flatMap((role) => {
    const contestant = trainingContestant(role);
    return contestant ? [describe(role, contestant.state.network, contestant.classes)] : [];
  });
  return [
    describe('shipped', (await shippedSource()).network),
    ...trained,
    ...(opened ? [describe('file', opened.network, opened.classes)] : []),
  ];
}

/** A model on the device; compiled when it is first asked for, and again on another device or for another training. */
export function modelNamed(name: ModelName, precision: Precision = 'float32'): Promise<Model> {
  const model = renewed(name, precision, compiled[precision].get(name));
  compiled[precision].set(name, model);
  return model;
}

/** What was compiled before, where it still fits. */
async function renewed(name: ModelName, precision: Precision, before: Promise<Model> | undefined): Promise<Model> {
  const device = await gpuDevice();
  const known = await before?.catch(() => undefined);
  const contestant = isRole(name) ? trainingContestant(name) : undefined;
  const current = known?.state.device === device && (!contestant || known.state === contestant.state);
  if (known && current) return known;
  if (known) free(known);
  return compile(device, name, precision);
}

async function compile(device: GPUDevice, name: ModelName, precision: Precision): Promise<Model> {
  if (isRole(name)) {
    const contestant = trainingContestant(name);
    if (!contestant) throw new Error('There is no training; start one first.');
    const { state, normalisation } = contestant;
    return { name, network: state.network, state, normalisation, inference: await inferenceOf(state, precision) };
  }
  const source = name === 'shipped' ? await shippedSource() : opened;
  if (!source) throw new Error('No file was opened.');
  const { network, normalisation } = source;
  const state = await source.load(device);
  try {
    return { name, network, state, normalisation, inference: await inferenceOf(state, precision) };
  } catch (error) {
    state.dispose();
    throw error;
  }
}

function isRole(name: ModelName): name is Role {
  return (roles as readonly ModelName[]).includes(name);
}

function inferenceOf(state: NetworkState, precision: Precision): Promise<InferenceNetwork> {
  return compileInference(state, { batch: 1, memory: 'fastest', precision, tuning: indexedDBTuningStore() });
}

async function forget(name: ModelName): Promise<void> {
  for (const precision of precisions) {
    const before = compiled[precision].get(name);
    compiled[precision].delete(name);
    const model = await before?.catch(() => undefined);
    if (model) free(model);
  }
}

/** Frees a model's memory. The state of a network in training is the training's. */
function free({ name, inference, state }: Model): void {
  inference.dispose();
  if (name === 'shipped' || name === 'file') state.dispose();
}

function shippedSource(): Promise<Source> {
  shipped ??= fetchShipped().catch((error: unknown) => {
    shipped = undefined;
    throw error;
  });
  return shipped;
}

async function fetchShipped(): Promise<Source> {
  const response = await fetch(digitsAddress);
  if (!response.ok) throw new Error(`The network that comes with the page could not be loaded (${response.status}).`);
  return checkpointSource(new Uint8Array(await response.arrayBuffer()), 'digits.safetensors');
}

export function checkpointSource(bytes: Uint8Array, name: string): Source {
  const checkpoint = decodeCheckpoint(bytes, name);
  const { network } = checkpoint;
  const unchanged = Array.from({ length: network.input.channels }, () => ({ mean: 0, deviation: 1 }));
  const asItIs = { mean: unchanged.map(({ mean }) => mean), deviation: unchanged.map(({ deviation }) => deviation) };
  return {
    network,
    normalisation: checkpoint.normalisation ?? asItIs,
    load: async (device) => restoreState(device, checkpoint),
  };
}

function describe(name: ModelName, network: Network, classes?: readonly string[]): ModelDescription {
  const { parameters, multiplyAdds } = summarise(network);
  const { channels } = network.input;
  return { name, network: network.name, parameters, multiplyAdds, channels, ...(classes && { classes }) };
}
