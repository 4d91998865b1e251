import { planChannelSums } from '../../ops/channelSums.js';
import {
  planTransposedConvolution,
  planTransposedConvolutionFilterGradient,
  planTransposedConvolutionInputGradient,
  type TransposedConvolutionShape,
} from '../../ops/convolution/transposed.js';
import type { LayerPlan } from '../layerPlans.js';
import { parameter, parameterGradient } from '../names.js';
import type { TransposedConvolutionLayer } from '../network.js';
import { elementCount } from '../parameters.js';
import type { Shape } from '../shapes.js';

/** Transposed convolutions, where images grow again. */
export const transposedConvolution: LayerPlan<TransposedConvolutionLayer> = {
  forward({ shapes, traits, precision, constantFilter, tensor, filter, output, append }, layer) {
    const { name, bias } = layer;
    const [input] = layer.inputs as [string];
    const shape = shapeOf(layer, shapes.get(input)!);
    append(planTransposedConvolution(shape, { bias, precision, constantFilter }, traits), {
      input: tensor(input),
      filter: filter(name),
      output,
      ...(bias && { bias: parameter(`${name}.bias`) }),
    });
  },

  backward({ shapes, traits, precision, tensor, filter, gradient, append, contribute }, layer) {
    const { name, bias } = layer;
    const [input] = layer.inputs as [string];
    const shape = shapeOf(layer, shapes.get(input)!);
    if (bias) {
      const pixels = elementCount(shapes.get(name)!.slice(0, 3));
      append(planChannelSums(pixels, layer.outChannels, { precision }), {
        values: gradient,
        output: parameterGradient(`${name}.bias`),
      });
    }
    append(planTransposedConvolutionFilterGradient(shape, { precision }, traits), {
      input: tensor(input),
      gradient,
      output: parameterGradient(`${name}.weight`),
    });
    contribute(input, (inputGradient, accumulate) =>
      append(planTransposedConvolutionInputGradient(shape, { accumulate, precision }, traits), {
        gradient,
        filter: filter(name),
        output: inputGradient,
      }),
    );
  },
};

function shapeOf(
  layer: TransposedConvolutionLayer,
  [batch, inHeight, inWidth, inChannels]: Shape,
): TransposedConvolutionShape {
  const { outChannels, kernel, stride, padding, outputPadding, dilation, groups } = layer;
  return {
    ...{ batch, inHeight, inWidth, inChannels, outChannels },
    ...{ kernel, stride, padding, outputPadding, dilation, groups },
  };
}
