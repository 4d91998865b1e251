import { planAffine, planAffineFold, planAffineGradient } from '../../ops/affine.js';
import type { AffinePlan } from '../layerPlans.js';
import { batchNormShape } from '../layerShapes.js';
import { foldedNorm, parameter, parameterGradient } from '../names.js';

/** Each channel times a weight plus a bias; at inference a scale and a shift, as a batch norm is. */
export const affine: AffinePlan = {
  fold(list, { name }, channels, before) {
    const behind = before !== undefined;
    list.append(name, planAffineFold(channels, { behind }), {
      ...parameters(name),
      ...(behind && { before }),
      scaleShift: foldedNorm(name),
    });
  },
  forward({ shapes, precision, tensor, output, append }, { name, inputs: [source] }) {
    const plan = planAffine(batchNormShape(shapes.get(source!)!), { precision });
    append(plan, { input: tensor(source!), output, ...parameters(name) });
  },
  backward({ shapes, precision, tensor, gradient, contribute, append }, { name, inputs: [source] }) {
    const shape = batchNormShape(shapes.get(source!)!);
    const tensors = {
      gradient,
      input: tensor(source!),
      weightGradient: parameterGradient(`${name}.weight`),
      biasGradient: parameterGradient(`${name}.bias`),
    };
    if (source === 'input') {
      append(planAffineGradient(shape, { parametersOnly: true, precision }), tensors);
      return;
    }
    contribute(source!, (inputGradient, accumulate) =>
      append(planAffineGradient(shape, { accumulate, precision }), {
        ...tensors,
        weight: parameter(`${name}.weight`),
        inputGradient,
      }),
    );
  },
};

function parameters(name: string): { readonly weight: string; readonly bias: string } {
  return { weight: parameter(`${name}.weight`), bias: parameter(`${name}.bias`) };
}
