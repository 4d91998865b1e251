import { type ConcatShape, planConcat, planConcatGradient } from '../../ops/concat.js';
import type { LayerPlan } from '../layerPlans.js';
import type { ConcatLayer } from '../network.js';
import { elementCount } from '../parameters.js';
import type { Shape } from '../shapes.js';

/** Channels side by side. */
export const concat: LayerPlan<ConcatLayer> = {
  forward({ shapes, precision, tensor, output, append }, layer) {
    const inputs = layer.inputs.map((name, index) => [`input${index}`, tensor(name)]);
    append(planConcat(concatShape(layer, shapes), { precision }), { ...Object.fromEntries(inputs), output });
  },
  backward({ shapes, precision, gradient, contribute, append }, layer) {
    const shape = concatShape(layer, shapes);
    layer.inputs.forEach((name, index) => {
      contribute(name, (inputGradient, accumulate) =>
        append(planConcatGradient(shape, index, { accumulate, precision }), { gradient, inputGradient }),
      );
    });
  },
};

function concatShape({ inputs }: ConcatLayer, shapes: ReadonlyMap<string, Shape>): ConcatShape {
  const all = inputs.map((name) => shapes.get(name)!);
  return { pixels: elementCount(all[0]!.slice(0, 3)), channels: all.map(([, , , channels]) => channels) };
}
