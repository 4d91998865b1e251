import { planLocalResponseNorm, planLocalResponseNormGradient } from '../../ops/localResponseNorm.js';
import type { LayerPlan } from '../layerPlans.js';
import { batchNormShape } from '../layerShapes.js';
import type { LocalResponseNormLayer } from '../network.js';

/** Divides by the neighbourhood across channels. */
export const localResponseNorm: LayerPlan<LocalResponseNormLayer> = {
  forward({ shapes, precision, tensor, output, append }, { inputs: [source], size, alpha, beta, k }) {
    const plan = planLocalResponseNorm(batchNormShape(shapes.get(source!)!), { size, alpha, beta, k, precision });
    append(plan, { input: tensor(source!), output });
  },
  backward({ shapes, precision, tensor, gradient, contribute, append }, { inputs: [source], size, alpha, beta, k }) {
    const shape = batchNormShape(shapes.get(source!)!);
    contribute(source!, (inputGradient, accumulate) =>
      append(planLocalResponseNormGradient(shape, { size, alpha, beta, k, accumulate, precision }), {
        gradient,
        input: tensor(source!),
        inputGradient,
      }),
    );
  },
};
