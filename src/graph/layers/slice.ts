import { planSlice, planSliceGradient, type SliceShape } from '../../ops/slice.js';
import type { LayerPlan } from '../layerPlans.js';
import type { SliceLayer } from '../network.js';
import type { Shape } from '../shapes.js';

/** Some of the channels. */
export const slice: LayerPlan<SliceLayer> = {
  forward({ shapes, precision, tensor, output, append }, layer) {
    const source = layer.inputs[0]!;
    append(planSlice(sliceShape(layer, shapes.get(source)!), { precision }), { input: tensor(source), output });
  },
  backward({ shapes, precision, gradient, contribute, append }, layer) {
    const source = layer.inputs[0]!;
    const shape = sliceShape(layer, shapes.get(source)!);
    contribute(source, (inputGradient, accumulate) =>
      append(planSliceGradient(shape, { accumulate, precision }), { gradient, inputGradient }),
    );
  },
};

function sliceShape({ start, channels: count }: SliceLayer, [batch, height, width, channels]: Shape): SliceShape {
  return { pixels: batch * height * width, channels, start, count };
}
