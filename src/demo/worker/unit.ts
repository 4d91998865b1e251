import { compileInference, type InferenceNetwork } from '../../graph/inference.js';
import type { ConvolutionLayer, Network } from '../../graph/network.js';
import { elementCount, networkParameters } from '../../graph/parameters.js';
import { inferShapes, type Shape } from '../../graph/shapes.js';
import { createState, type NetworkState, readState, writeState } from '../../graph/state.js';
import type { UnitQuestion, UnitView } from '../protocol.js';
import { networkInput, rgba } from './classify.js';
import { modelNamed } from './models.js';

/*
 * One IC convolution looked at closely. What it computes is computed by the kernels once more, in parts: z by the same filters
 * without the unit, S by a filter of ones.
 */

type Run = (values: Float32Array) => Promise<Float32Array>;

/** An IC convolution of a network in parts. */
export interface Unit {
  readonly layer: ConvolutionLayer;
  /** [1, height, width, filters] */
  readonly outShape: Shape;
  /** [filters, channels of a group, kernel, kernel] */
  readonly weights: Float32Array;
  /** a, by filter. */
  readonly adjust: Float32Array;
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
    kernel: unit.layer.kernel[0],
    channels: unit.weights.length / elementCount([filters, ...unit.layer.kernel]),
    groups: unit.layer.groups,
    filters,
    weights: unit.weights,
    adjust: unit.adjust,
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
 * Takes an IC convolution of a network apart: the one named, or the first.
 *
 * @throws as compileInference
 */
export async function compileUnit(state: NetworkState, named?: string): Promise<Unit> {
  const { device, network } = state;
  const parameters = await readState(state);
  const layer = network.layers.find(
    (one): one is ConvolutionLayer =>
      one.kind === 'convolution' && one.adjust !== 'none' && (named === undefined || one.name === named),
  )!;
  const shapes = inferShapes(network, 1);
  const [, height, width, channels] = shapes.get(layer.inputs[0]!)!;
  const alone = (changed: Partial<ConvolutionLayer>): Network => ({
    name: `${network.name}-unit`,
    input: { height, width, channels },
    layers: [{ ...layer, inputs: ['input'], ...changed }],
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
  const { groups, outChannels } = layer;
  const sumFilter = summingFilter(layer, channels / groups, adjust);
  try {
    const [ahead, z, sums, y] = await Promise.all([
      layer.inputs[0] === 'input'
        ? async (values: Float32Array) => values
        : runOf({ ...network, layers: layersUpTo(network, layer.inputs[0]!) }, parameters),
      runOf(alone({ adjust: 'none' }), parameters),
      runOf(alone({ adjust: 'none', outChannels: groups, bias: false }), new Map([[weight, sumFilter]])),
      runOf(alone({}), parameters),
    ]);
    return {
      layer,
      outShape: shapes.get(layer.name)!,
      weights: parameters.get(weight)!,
      adjust: layer.adjust === 'input' ? new Float32Array(outChannels).fill(1) : adjust,
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
function summingFilter(
  { kernel, groups, adjust: form }: ConvolutionLayer,
  groupChannels: number,
  adjust: Float32Array,
): Float32Array {
  const taps = elementCount(kernel);
  return new Float32Array(groups * groupChannels * taps).map((_, index) =>
    form === 'input' ? adjust[Math.floor(index / taps)]! : 1,
  );
}

/** A layer and all that it needs, in their order. */
function layersUpTo({ layers }: Network, name: string): Network['layers'] {
  const needed = new Set([name]);
  for (const { name: own, inputs } of layers.toReversed()) {
    if (needed.has(own)) for (const input of inputs) needed.add(input);
  }
  return layers.filter(({ name: own }) => needed.has(own));
}
