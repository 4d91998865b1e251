import { activationOf, planActivation, planActivationGradient, type SlopeOptions } from '../../ops/activations.js';
import type { ActivationPlan } from '../layerPlans.js';
import type { ActivationLayer } from '../network.js';
import { elementCount } from '../parameters.js';

/** A function of every element, whose gradient reads its input. */
export const activation: ActivationPlan = {
  end: (layer) => activationOf(layer.function, slopeOf(layer)),

  forward({ shapes, precision, tensor, output, append }, layer) {
    const [source] = layer.inputs;
    const plan = planActivation(elementCount(shapes.get(source!)!), layer.function, { ...slopeOf(layer), precision });
    append(plan, { input: tensor(source!), output });
  },

  backward({ shapes, precision, tensor, gradient, contribute, append }, layer) {
    const [source] = layer.inputs;
    const count = elementCount(shapes.get(source!)!);
    contribute(source!, (inputGradient, accumulate) => {
      const plan = planActivationGradient(count, layer.function, { ...slopeOf(layer), accumulate, precision });
      append(plan, { gradient, input: tensor(source!), inputGradient });
    });
  },
};

function slopeOf({ slope }: ActivationLayer): SlopeOptions {
  return slope === undefined ? {} : { slope };
}
