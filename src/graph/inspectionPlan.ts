import { planConvolution } from '../ops/convolution/forward.js';
import { planIcActivity } from '../ops/icActivity.js';
import type { DeviceTraits } from '../ops/traits.js';
import {
  type ConvolutionHook,
  convolutionParameters,
  type InferenceOperations,
  type InferencePlanHooks,
  type InferencePlanOptions,
  planInference,
} from './inferencePlan.js';
import { convolutionShape } from './layerShapes.js';
import { keptBy, parameter, statusOf } from './names.js';
import type { Network } from './network.js';

/** A layer's tensors of {@link planInspection}: by pixel and by filter, how often its second term fires. */
export const activityMap = (layer: string): string => keptBy(layer, 'activity map');
export const activityFilters = (layer: string): string => keptBy(layer, 'activity of filters');

/**
 * The operations of inference, and for every IC convolution the count of where its second term fires. Inference leaves
 * neither z nor the window sums, so they are computed once more, without what is fused behind them, and left in float32 in either
 * precision.
 *
 * @throws ShapeError where the network is not well formed.
 */
export function planInspection(
  network: Network,
  batch: number,
  options: InferencePlanOptions,
  deviceTraits: DeviceTraits,
  hooks: Pick<InferencePlanHooks, 'halfPlanner' | 'layerPlans'> = {},
): InferenceOperations {
  const { precision = 'float32' } = options;
  const besides: ConvolutionHook = (layer, input, traits, list) => {
    const { name, adjust, bias } = layer;
    if (adjust === 'none') return;
    const shape = convolutionShape(layer, input.shape);
    const [output, windowSums] = [keptBy(name, 'unit'), keptBy(name, 'windowSums')];
    const unit = { adjust, bias, storeSums: true, precision, outputPrecision: 'float32' } as const;
    list.append(name, planConvolution(shape, unit, traits), {
      ...convolutionParameters(layer),
      input: input.tensor,
      filter: input.filter,
      output,
      windowSums,
      status: statusOf(name),
    });
    list.append(name, planIcActivity(shape, adjust), {
      output,
      windowSums,
      adjust: parameter(`${name}.adjust`),
      map: activityMap(name),
      filters: activityFilters(name),
    });
  };
  return planInference(network, batch, options, deviceTraits, { ...hooks, besides });
}
