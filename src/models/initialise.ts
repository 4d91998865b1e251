import { ShapeError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { elementCount, networkParameters, type ParameterSpec } from '../graph/parameters.js';
import { requireInteger } from '../ops/windows.js';
import { type RandomStream, randomStream } from './random.js';

/**
 * The state a network starts training from, by name and in the layouts of `networkParameters`:
 * - filters: normal, variance 2 / (outChannels x kernel area), He's rule over the outputs
 * - dense weights, filters of transposed convolutions and every bias: uniform within 1 / sqrt(inputs of one output), as PyTorch's
 * - `adjust`: 1 / (filter elements of one output channel), so that the window sum enters as a mean; `offset`: 0
 * - affine layers and batch norm: scale 1, shift 0; slopes of PReLU: 1/4; running mean 0, running variance 1, no batches tracked
 *
 * Every parameter draws from a stream of its own, told by seed and name: networks that share a layer start it alike,
 * so a plain network and its IC form start from the same filters.
 *
 * @param seed - a non-negative integer
 * @param wanted - picks by name the entries that are made; all unless told
 * @throws ShapeError where the seed is none or the network is not well formed
 */
export function initialParameters(
  network: Network,
  seed: number,
  wanted: (name: string) => boolean = () => true,
): Map<string, Float32Array> {
  requireInteger(seed, 0, 'seed', { operation: 'initialParameters', prefix: '' });
  const fanIns = new Map<string, number>();
  const parameters = new Map<string, Float32Array>();
  for (const spec of networkParameters(network)) {
    // A layer's weight comes ahead of what depends on its size.
    if (spec.role === 'filter' || spec.role === 'transposedFilter' || spec.role === 'denseWeight')
      fanIns.set(spec.layer, elementCount(spec.shape.slice(1)));
    if (!wanted(spec.name)) continue;
    const draw = distribution(spec, fanIns.get(spec.layer) ?? 1, randomStream(seed, spec.name));
    parameters.set(spec.name, new Float32Array(elementCount(spec.shape)).map(draw));
  }
  return parameters;
}

/**
 * The state of a network that takes over what another one has learned, such as its plain form: its own initial values, with
 * the given ones of the same name in their place.
 *
 * @throws ShapeError for values that the network has no place for, or of another size.
 */
export function inheritedParameters(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  seed: number,
): Map<string, Float32Array> {
  const parameters = initialParameters(network, seed);
  for (const [name, data] of values) {
    const expected = parameters.get(name)?.length;
    if (data.length !== expected) {
      const words = expected === undefined ? `no such entry in ${network.name}` : `${expected} values`;
      const got = `${data.length} values`;
      throw new ShapeError({ operation: 'inheritedParameters', parameter: name, expected: words, got });
    }
    parameters.set(name, data);
  }
  return parameters;
}

/** Where each element of a parameter comes from; `fanIn` is the number of inputs to one output of the layer. */
function distribution({ role, shape }: ParameterSpec, fanIn: number, random: RandomStream): () => number {
  switch (role) {
    case 'filter': {
      const [outChannels, , ...kernel] = shape;
      const deviation = Math.sqrt(2 / (outChannels! * elementCount(kernel)));
      return () => deviation * random.normal();
    }
    case 'bias':
    case 'transposedFilter':
    case 'denseWeight':
    case 'denseBias': {
      const bound = 1 / Math.sqrt(fanIn);
      return () => bound * (2 * random.uniform() - 1);
    }
    case 'slope':
      return () => 0.25;
    case 'adjust':
      return () => 1 / fanIn;
    case 'scale':
    case 'runningVariance':
      return () => 1;
    case 'offset':
    case 'shift':
    case 'runningMean':
    case 'batchesTracked':
      return () => 0;
  }
}
