import * as jax from '@jax-js/jax';
import type { MakeInference, PeerOperation } from '../../../src/compare/peers/peer.js';
import { isBatchNorm } from '../../../src/graph/fusion.js';
import type { BatchNormLayer } from '../../../src/graph/network.js';
import { networkParameters } from '../../../src/graph/parameters.js';
import { inferShapes } from '../../../src/graph/shapes.js';
import { fromPlanes, toPlanes } from '../layouts.js';
import { forward, perChannel, type Tensors } from './network.js';
import { jaxOperation, tensor } from './operation.js';

/** A network for inference: one compiled function, into whose convolutions jax-js takes the scales and shifts of batch norm. */
export function jaxInference(
  awake: boolean,
  ...[network, batch, state, images]: Parameters<MakeInference>
): PeerOperation {
  const { height, width, channels } = network.input;
  const outChannels = inferShapes(network, batch).get(network.layers.at(-1)!.name)![3];
  const norms = new Set(network.layers.filter(isBatchNorm).map(({ name }) => name));
  const parameters: Tensors = {};
  for (const { name, layer, shape } of networkParameters(network)) {
    if (!norms.has(layer)) parameters[name] = tensor(state.get(name)!, shape);
  }
  for (const layer of network.layers.filter(isBatchNorm)) {
    const { scale, shift } = scaleAndShift(layer, state);
    parameters[`${layer.name}.scale`] = tensor(scale, [scale.length]);
    parameters[`${layer.name}.shift`] = tensor(shift, [shift.length]);
  }
  const names = Object.keys(parameters);
  const compiled = jax.jit((input: jax.Array, ...given: jax.Array[]) => {
    const tensors: Tensors = Object.fromEntries(names.map((name, index) => [name, given[index]!]));
    return forward(network, tensors, input, ({ name }, x) =>
      x.mul(perChannel(tensors[`${name}.scale`]!.ref)).add(perChannel(tensors[`${name}.shift`]!.ref)),
    );
  });
  const input = tensor(toPlanes(images, batch, channels), [batch, channels, height, width]);
  return jaxOperation(awake, compiled, [input, ...Object.values(parameters)], (data) =>
    fromPlanes(data, batch, outChannels),
  );
}

/** What a batch norm does at inference, from its coefficients and running statistics. */
function scaleAndShift(
  { name, epsilon }: BatchNormLayer,
  state: ReadonlyMap<string, Float32Array>,
): { scale: Float32Array; shift: Float32Array } {
  const of = (part: string): Float32Array => state.get(`${name}.${part}`)!;
  const scale = of('weight').map((weight, i) => weight / Math.sqrt(of('running_var')[i]! + epsilon));
  return { scale, shift: of('bias').map((bias, i) => bias - of('running_mean')[i]! * scale[i]!) };
}
