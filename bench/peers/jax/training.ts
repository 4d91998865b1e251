import * as jax from '@jax-js/jax';
import type { MakeTraining, PeerTraining } from '../../../src/compare/peers/peer.js';
import type { BatchNormLayer } from '../../../src/graph/network.js';
import { networkParameters } from '../../../src/graph/parameters.js';
import { toPlanes } from '../layouts.js';
import { forward, perChannel, type Tensors } from './network.js';
import { submit, tensor } from './operation.js';

/** What a step takes over and gives back. */
interface Trained {
  readonly [part: string]: Tensors;
  readonly parameters: Tensors;
  readonly velocities: Tensors;
  readonly statistics: Tensors;
}

const { numpy, nn, tree } = jax;

/** The same network trained with jax-js, a step one compiled function: batch statistics, cross entropy, SGD with momentum. */
export function jaxTraining(
  awake: boolean,
  ...[network, state, imageValues, labels, { learningRate, momentum }]: Parameters<MakeTraining>
): PeerTraining {
  const batch = labels.length;
  const { height, width, channels } = network.input;
  const images = tensor(toPlanes(imageValues, batch, channels), [batch, channels, height, width]);
  const wanted = numpy.array(Int32Array.from(labels));
  let trained: Trained = { parameters: {}, velocities: {}, statistics: {} };
  for (const { name, shape, role, trainable } of networkParameters(network)) {
    if (role === 'batchesTracked') continue;
    (trainable ? trained.parameters : trained.statistics)[name] = tensor(state.get(name)!, shape);
    if (trainable) trained.velocities[name] = numpy.zeros([...shape]);
  }

  /** The mean loss, and the running statistics moved on. */
  function loss(parameters: Tensors, statistics: Tensors, x: jax.Array, classes: jax.Array): [jax.Array, Tensors] {
    const moved: Tensors = {};
    const logits = forward(network, parameters, x, normalise);
    const rates = nn.logSoftmax(logits, -1);
    const hits = nn.oneHot(classes, rates.shape.at(-1)!);
    return [
      rates
        .mul(hits)
        .sum()
        .mul(-1 / batch),
      moved,
    ];

    function normalise({ name, epsilon, momentum: rate }: BatchNormLayer, tensorIn: jax.Array): jax.Array {
      const count = tensorIn.size / tensorIn.shape[1]!;
      const mean = numpy.mean(tensorIn.ref, [0, 2, 3]);
      const centred = tensorIn.sub(perChannel(mean.ref));
      const variance = numpy.mean(numpy.square(centred.ref), [0, 2, 3]);
      track(`${name}.running_mean`, mean, rate, rate);
      // Kept without bias, as PyTorch does.
      track(`${name}.running_var`, variance.ref, rate, (rate * count) / (count - 1));
      const scale = parameters[`${name}.weight`]!.ref.div(numpy.sqrt(variance.add(epsilon)));
      return centred.mul(perChannel(scale)).add(perChannel(parameters[`${name}.bias`]!.ref));
    }

    function track(name: string, found: jax.Array, rate: number, factor: number): void {
      moved[name] = statistics[name]!.mul(1 - rate).add(jax.lax.stopGradient(found).mul(factor));
    }
  }

  const compiled = jax.jit((given: Trained, x: jax.Array, classes: jax.Array): [jax.Array, Trained] => {
    const { parameters, statistics } = given;
    const lossOf = (own: Tensors): [jax.Array, Tensors] => loss(own, statistics, x, classes);
    const [[cost, moved], gradients] = jax.valueAndGrad(lossOf, { hasAux: true })(tree.ref(parameters));
    const velocities: Tensors = {};
    const next: Tensors = {};
    for (const [name, gradient] of Object.entries(gradients as Tensors)) {
      velocities[name] = given.velocities[name]!.mul(momentum).add(gradient);
      next[name] = parameters[name]!.sub(velocities[name].ref.mul(learningRate));
    }
    return [cost, { parameters: next, velocities, statistics: moved }];
  });
  const step = (): jax.Array => {
    const [cost, next] = compiled(trained, images.ref, wanted.ref);
    trained = next;
    return cost;
  };
  return {
    awake,
    submit(runs) {
      for (let run = 0; run < runs; run++) submit(step());
    },
    async step() {
      const [cost] = await step().data();
      return cost!;
    },
    dispose() {
      compiled.dispose();
      tree.dispose([trained, images, wanted]);
    },
  };
}
