import { planConvolution } from '../ops/convolution/forward.js';
import type { ConvolutionShape } from '../ops/convolution/shape.js';
import { denseAsConvolution } from '../ops/dense.js';
import { planIcActivity } from '../ops/icActivity.js';
import type { DeviceTraits } from '../ops/traits.js';
import {
  type InferenceOperations,
  type InferencePlanHooks,
  type InferencePlanOptions,
  planInference,
  type UnitHook,
  unitParameters,
} from './inferencePlan.js';
import { convolutionShape, denseShape, unitOptions } from './layerShapes.js';
import { keptBy, parameter, statusOf } from './names.js';
import type { Network, UnitLayer } from './network.js';
import type { Shape } from './shapes.js';

/** A layer's tensors of {@link planInspection}: by pixel and by filter, how often its second term fires. */
export const activityMap = (layer: string): string => keptBy(layer, 'activity map');
export const activityFilters = (layer: string): string => keptBy(layer, 'activity of filters');

/**
 * The operations of inference, and for every IC unit the count of where its second term fires. Inference leaves
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
  const besides: UnitHook = (layer, input, traits, list) => {
    const { name } = layer;
    const { adjust, offset, bias } = unitOptions(layer);
    if (adjust === 'none') return;
    const shape = imagesShape(layer, input.shape);
    const [output, windowSums] = [keptBy(name, 'unit'), keptBy(name, 'windowSums')];
    const unit = { adjust, offset, bias, storeSums: true, precision, outputPrecision: 'float32' } as const;
    list.append(name, planConvolution(shape, unit, traits), {
      ...unitParameters(name),
      input: input.tensor,
      filter: input.filter,
      output,
      windowSums,
      status: statusOf(name),
    });
    list.append(name, planIcActivity(shape, adjust, { offset }), {
      output,
      windowSums,
      adjust: parameter(`${name}.adjust`),
      map: activityMap(name),
      filters: activityFilters(name),
    });
  };
  return planInference(network, batch, options, deviceTraits, { ...hooks, besides });
}

/** The layer as a convolution of images, of one pixel each where it is fully connected. */
function imagesShape(layer: UnitLayer, input: Shape): ConvolutionShape {
  if (layer.kind === 'convolution') return convolutionShape(layer, input);
  const rows = denseAsConvolution('dense', denseShape(layer, input));
  return { ...rows, batch: rows.inWidth, inWidth: 1 };
}
