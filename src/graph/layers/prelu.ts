import { planPrelu, planPreluGradient, planPreluSlopeGradient } from '../../ops/prelu.js';
import type { LayerPlan } from '../layerPlans.js';
import { batchNormShape } from '../layerShapes.js';
import { parameter, parameterGradient } from '../names.js';
import type { PreluLayer } from '../network.js';

/** PReLU with a slope a channel. */
export const prelu: LayerPlan<PreluLayer> = {
  forward({ shapes, precision, tensor, output, append }, { name, inputs }) {
    append(planPrelu(batchNormShape(shapes.get(name)!), { precision }), {
      input: tensor(inputs[0]!),
      slope: parameter(`${name}.weight`),
      output,
    });
  },

  backward({ shapes, precision, tensor, gradient, contribute, append }, { name, inputs }) {
    const shape = batchNormShape(shapes.get(name)!);
    const [source] = inputs;
    const input = tensor(source!);
    const weight = `${name}.weight`;
    append(planPreluSlopeGradient(shape, { precision }), { gradient, input, output: parameterGradient(weight) });
    contribute(source!, (inputGradient, accumulate) =>
      append(planPreluGradient(shape, { accumulate, precision }), {
        gradient,
        input,
        slope: parameter(weight),
        inputGradient,
      }),
    );
  },
};
