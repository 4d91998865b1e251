import { planUpsample, planUpsampleGradient, type UpsampleOptions, type UpsampleShape } from '../../ops/upsample.js';
import type { LayerPlan } from '../layerPlans.js';
import type { UpsampleLayer } from '../network.js';
import type { Shape } from '../shapes.js';

/** A larger image. */
export const upsample: LayerPlan<UpsampleLayer> = {
  forward({ shapes, precision, tensor, output, append }, layer) {
    const source = layer.inputs[0]!;
    const plan = planUpsample(upsampleShape(layer, shapes.get(source)!), { ...optionsOf(layer), precision });
    append(plan, { input: tensor(source), output });
  },
  backward({ shapes, precision, gradient, contribute, append }, layer) {
    const source = layer.inputs[0]!;
    const shape = upsampleShape(layer, shapes.get(source)!);
    contribute(source, (inputGradient, accumulate) =>
      append(planUpsampleGradient(shape, { ...optionsOf(layer), accumulate, precision }), { gradient, inputGradient }),
    );
  },
};

function upsampleShape({ factor }: UpsampleLayer, [batch, inHeight, inWidth, channels]: Shape): UpsampleShape {
  return { batch, inHeight, inWidth, channels, factor };
}

function optionsOf({ mode, alignCorners = false }: UpsampleLayer): UpsampleOptions {
  return { mode, alignCorners };
}
