import { writeBuffer } from '../device/buffers.js';
import { planConvert } from '../ops/convert.js';
import type { BufferRange } from '../ops/plan.js';
import type { DeviceTraits } from '../ops/traits.js';
import type { FusedLayers } from './fusion.js';
import {
  type HalfPlanner,
  type InferenceOperations,
  type InferencePlanOptions,
  planInference,
} from './inferencePlan.js';
import { layerPlans } from './layers/plans.js';
import { halved, halvedInput, inputTensor, parameter, statusOf, widened } from './names.js';
import type { Network } from './network.js';
import { operationList } from './operations.js';
import { elementCount, networkParameters } from './parameters.js';
import type { Shape } from './shapes.js';

/*
 * What inference in float16 needs besides, loaded where it is asked for.
 */

export { createOverflowNotes } from './overflow.js';

/** How the tensors of a network become float16, and its logits and the outputs that are kept float32 again. */
export function halfPlanner(
  network: Network,
  shapes: ReadonlyMap<string, Shape>,
  kept: ReadonlySet<string>,
): HalfPlanner {
  const counts = new Map(networkParameters(network).map(({ name, shape }) => [name, elementCount(shape)]));
  const filters = operationList();
  const last = network.layers.at(-1)!;
  const logits = last.kind === 'softmax' ? last.inputs[0]! : last.name;
  const readers = network.layers.filter(({ inputs }) => inputs.includes(logits));
  const wide = new Map<string, string>();

  /** What a sum of products leaves is float32 at once. */
  const widensItself = ({ head, output, residual }: FusedLayers): boolean =>
    output === logits &&
    (head.kind === 'convolution' || head.kind === 'dense') &&
    residual === undefined &&
    readers.every((reader) => reader === last);

  return {
    filters,
    input(list) {
      const tensors = { input: inputTensor, output: halvedInput, status: statusOf('input') };
      list.append('input', planConvert(elementCount(shapes.get('input')!), 'float16'), tensors);
      return halvedInput;
    },
    filter(layer) {
      const name = `${layer}.weight`;
      const tensors = { input: parameter(name), output: halved(name), status: statusOf(name) };
      filters.append(name, planConvert(counts.get(name)!, 'float16'), tensors);
      return halved(name);
    },
    outputPrecision: (group) => (widensItself(group) ? 'float32' : 'float16'),
    widen(group, output, list) {
      const { head, output: layer } = group;
      if (head.kind === 'softmax' || (layer !== logits && !kept.has(layer))) return;
      if (widensItself(group)) {
        wide.set(layer, output);
        return;
      }
      const tensors = { input: output, output: widened(layer) };
      list.append(layer, planConvert(elementCount(shapes.get(layer)!), 'float32'), tensors);
      wide.set(layer, widened(layer));
    },
    logits: () => wide.get(logits) ?? inputTensor,
    output: (layer, tensor) => wide.get(layer) ?? tensor,
  };
}

/** {@link planInference} of whatever layers in whatever precision. */
export function planInferenceIn(
  network: Network,
  batch: number,
  options: InferencePlanOptions,
  traits: DeviceTraits,
): InferenceOperations {
  return planInference(network, batch, options, traits, { halfPlanner, layerPlans });
}

/** Zeros behind so many bytes of images: what an earlier one left there might not fit, and would be noted again. */
export function fillUp(device: GPUDevice, { buffer, offset, size }: BufferRange, bytes: number): void {
  if (bytes < size) writeBuffer(device, buffer, new ArrayBuffer(size - bytes), offset + bytes);
}
