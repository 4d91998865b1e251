import { compileInference, type InferenceNetwork } from '../../graph/inference.js';
import { isICUnit, type Layer, type Network, type UnitLayer } from '../../graph/network.js';
import { networkParameters } from '../../graph/parameters.js';
import { inferShapes, type Shape } from '../../graph/shapes.js';
import { createState, type NetworkState, readState, writeState } from '../../graph/state.js';
import type { UnitQuestion, UnitView } from '../protocol.js';
import { networkInput, rgba } from './classify.js';
import { modelNamed } from './models.js';

/*
 * One IC unit looked at closely. What it computes is computed by the kernels once more, in parts: z by the same filters
 * without the unit, S by a filter of ones.
 */

type Run = (values: Float32Array) => Promise<Float32Array>;

/** An IC unit of a network in parts; a fully connected one reads a single pixel, whose channels are all that it reads. */
export interface Unit {
  readonly layer: UnitLayer;
  readonly kernel: number;
  readonly groups: number;
  /** [1, height, width, filters] */
  readonly outShape: Shape;
  /** [filters, channels of a group, kernel, kernel] */
  readonly weights: Float32Array;
  /** a, by filter. */
  readonly adjust: Float32Array;
  /** o, by filter; zeros where it has none. */
  readonly offset: Float32Array;
  /** What lies ahead of it; z, S and y out of what that leaves. */
  readonly ahead: Run;
  readonly z: Run;
  readonly sums: Run;
  readonly y: Run;
  dispose(): void;
}

interface Compiled {
  readonly state: NetworkState;
  readonly version: number;
  readonly layer: string | undefined;
  readonly unit: Promise<Unit>;
}

/** Of the figure and of the layer that is looked into. */
const compiled = new Map<'first' | 'chosen', Compiled>();

/** What a unit makes of a picture. */
export async function lookAtUnit({ model: name, layer, bitmap, drawn }: UnitQuestion): Promise<UnitView> {
  const model = await modelNamed(name);
  const { pixels, values } = networkInput(model, bitmap, drawn);
  bitmap.close();
  const unit = await compiledUnit(model.state, layer);
  const input = await unit.ahead(values);
  const [z, sums, y] = await Promise.all([unit.z(input), unit.sums(input), unit.y(input)]);
  const { height, width, channels } = model.network.input;
  const [, outHeight, outWidth, filters] = unit.outShape;
  return {
    seen: { height, width, pixels: rgba(pixels, channels) },
    height: outHeight,
    width: outWidth,
    kernel: unit.kernel,
    channels: unit.weights.length / (filters * unit.kernel ** 2),
    groups: unit.groups,
    filters,
    weights: unit.weights,
    adjust: unit.adjust,
    offset: unit.offset,
    z,
    sums,
    y,
  };
}

function compiledUnit(state: NetworkState, layer: string | undefined): Promise<Unit> {
  const key = layer === undefined ? 'first' : 'chosen';
  const known = compiled.get(key);
  if (known?.state === state && known.version === state.version && known.layer === layer) return known.unit;
  known?.unit.then(({ dispose }) => dispose()).catch(() => {});
  const unit = compileUnit(state, layer);
  compiled.set(key, { state, version: state.version, layer, unit });
  return unit;
}

/**
 * Takes an IC unit of a network apart: the one named, or the first.
 *
 * @throws as compileInference
 */
export async function compileUnit(state: NetworkState, named?: string): Promise<Unit> {
  const { device, network } = state;
  const parameters = await readState(state);
  const layer = network.layers.find(
    (one): one is UnitLayer => isICUnit(one) && (named === undefined || one.name === named),
  )!;
  const shapes = inferShapes(network, 1);
  const [, height, width, channels] = shapes.get(layer.inputs[0]!)!;
  const alone = (changed: object): Network => ({
    name: `${network.name}-unit`,
    input: { height, width, channels },
    layers: [{ ...layer, inputs: ['input'], ...changed } as Layer],
  });
  const made: { dispose(): void }[] = [];
  const dispose = (): void => {
    for (const one of made.splice(0)) one.dispose();
  };
  const runOf = async (part: Network, values: ReadonlyMap<string, Float32Array>): Promise<Run> => {
    const own = createState(device, part);
    made.push(own);
    writeState(own, new Map(networkParameters(part).map(({ name }) => [name, values.get(name)!])));
    const inference: InferenceNetwork = await compileInference(own, { batch: 1 });
    made.push(inference);
    return (input) => inference.run(input);
  };
  const weight = `${layer.name}.weight`;
  const adjust = parameters.get(`${layer.name}.adjust`)!;
  const plain = { adjust: 'none', offset: false };
  const filters = shapes.get(layer.name)![3];
  const { groups = 1, kernel = [1, 1] } = layer.kind === 'convolution' ? layer : {};
  const one = layer.kind === 'convolution' ? { outChannels: groups } : { outFeatures: 1 };
  const weights = parameters.get(weight)!;
  const sumFilter = summingFilter((weights.length / filters) * groups, layer.adjust === 'input' ? adjust : undefined);
  try {
    const [ahead, z, sums, y] = await Promise.all([
      layer.inputs[0] === 'input'
        ? async (values: Float32Array) => values
        : runOf({ ...network, layers: layersUpTo(network, layer.inputs[0]!) }, parameters),
      runOf(alone(plain), parameters),
      runOf(alone({ ...plain, ...one, bias: false }), new Map([[weight, sumFilter]])),
      runOf(alone({}), parameters),
    ]);
    return {
      layer,
      kernel: kernel[0],
      groups,
      outShape: shapes.get(layer.name)!,
      weights,
      adjust: layer.adjust === 'input' ? new Float32Array(filters).fill(1) : adjust,
      offset: parameters.get(`${layer.name}.offset`) ?? new Float32Array(filters),
      ahead,
      z,
      sums,
      y,
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** A filter a group that adds everything up; where a belongs to the inputs, each counts by its own. */
function summingFilter(elements: number, byInput: Float32Array | undefined): Float32Array {
  const taps = elements / (byInput?.length ?? 1);
  return new Float32Array(elements).map((_, index) => byInput?.[Math.floor(index / taps)] ?? 1);
}

/** A layer and all that it needs, in their order. */
function layersUpTo({ layers }: Network, name: string): Network['layers'] {
  const needed = new Set([name]);
  for (const { name: own, inputs } of layers.toReversed()) {
    if (needed.has(own)) for (const input of inputs) needed.add(input);
  }
  return layers.filter(({ name: own }) => needed.has(own));
}
