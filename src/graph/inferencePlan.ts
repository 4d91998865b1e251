import { planBatchNormFold, planBatchNormInference } from '../ops/batchNorm.js';
import { planConcat } from '../ops/concat.js';
import { planConvolution } from '../ops/convolutionForward.js';
import { planDense } from '../ops/dense.js';
import type { OperationPlan } from '../ops/plan.js';
import { planAdd, planRelu } from '../ops/pointwise.js';
import { planMaxPool, planMeanPool } from '../ops/pool.js';
import { planSoftmax } from '../ops/softmax.js';
import type { DeviceTraits } from '../ops/traits.js';
import { type FusedLayers, fuseLayers, isBatchNorm, isConvolution } from './fusion.js';
import {
  batchNormShape,
  concatShape,
  convolutionShape,
  denseShape,
  meanPoolOptions,
  poolShape,
  reluBound,
  reluOptions,
} from './layerShapes.js';
import { activationOf, foldedNorm, parameter } from './names.js';
import type { ConcatLayer, ConvolutionLayer, Network } from './network.js';
import { inLayer, type NetworkOperation, operationList } from './operations.js';
import { elementCount } from './parameters.js';
import { inferShapes, type Shape } from './shapes.js';

/** What inference runs: once after the parameters change, and for every batch. */
export interface InferenceOperations {
  /** Batch norms made into scales and shifts. */
  readonly fold: readonly NetworkOperation[];
  readonly forward: readonly NetworkOperation[];
  readonly output: string;
  readonly outputShape: Shape;
}

/**
 * The operations of inference. A convolution with the batch norm, sum and ReLU behind it is one dispatch.
 *
 * @throws ShapeError where the network is not well formed.
 */
export function planInference(network: Network, batch: number, traits: DeviceTraits): InferenceOperations {
  const shapes = inferShapes(network, batch);
  const fold = operationList();
  for (const layer of network.layers.filter(isBatchNorm)) {
    const [, , , channels] = shapes.get(layer.name)!;
    const plan = inLayer(layer.name, () => planBatchNormFold(channels, layer.epsilon));
    fold.append(layer.name, plan, { ...normParameters(layer.name), scaleShift: foldedNorm(layer.name) });
  }
  const forward = operationList();
  const groups = fuseLayers(network, (layer) => isConvolution(layer) || isBatchNorm(layer) || layer.kind === 'add');
  const appendGroup = (group: FusedLayers): void => {
    const input = shapes.get(group.head.inputs[0]!)!;
    const output = activationOf(group.output);
    const from = activationOf(group.head.inputs[0]!);
    const residual: Record<string, string> = group.residual ? { residual: activationOf(group.residual) } : {};
    const behind = { residual: group.add !== undefined, ...reluOptions(group.relu) };
    const append = (plan: OperationPlan, tensors: Record<string, string>): void =>
      forward.append(group.head.name, plan, { input: from, output, ...tensors });
    switch (group.head.kind) {
      case 'convolution': {
        const options = { ...behind, scaleShift: group.norm !== undefined, constantFilter: true };
        const { adjust, bias } = group.head;
        append(planConvolution(convolutionShape(group.head, input), { adjust, bias, ...options }, traits), {
          ...convolutionParameters(group.head),
          ...(group.norm && { scaleShift: foldedNorm(group.norm.name) }),
          ...residual,
        });
        break;
      }
      case 'batchNorm': {
        const tensors = { scaleShift: foldedNorm(group.head.name), ...residual };
        append(planBatchNormInference(batchNormShape(input), behind), tensors);
        break;
      }
      case 'add':
        append(planAdd(elementCount(input), reluOptions(group.relu)), addInputs(group));
        break;
      case 'relu':
        append(planRelu(elementCount(input), reluBound(group.head)), {});
        break;
      case 'concat':
        append(planConcat(concatShape(group.head, shapes)), concatInputs(group.head));
        break;
      case 'maxPool':
        append(planMaxPool(poolShape(group.head, input)), {});
        break;
      case 'meanPool':
        append(planMeanPool(poolShape(group.head, input), meanPoolOptions(group.head)), {});
        break;
      case 'dense': {
        const { name, bias } = group.head;
        append(planDense(denseShape(group.head, input), { bias }, traits), denseParameters(name, bias));
        break;
      }
      case 'softmax':
        append(planSoftmax(elementCount(input.slice(0, 3)), input[3]), {});
        break;
    }
  };
  for (const group of groups) inLayer(group.head.name, () => appendGroup(group));

  const last = network.layers.at(-1)!.name;
  return {
    fold: fold.operations,
    forward: forward.operations,
    output: activationOf(last),
    outputShape: shapes.get(last)!,
  };
}

/** The two tensors that an add layer sums. */
export function addInputs({ head }: FusedLayers): { left: string; right: string } {
  return { left: activationOf(head.inputs[0]!), right: activationOf(head.inputs[1]!) };
}

/** The tensors that a concat layer puts side by side. */
export function concatInputs({ inputs }: ConcatLayer): Record<string, string> {
  return Object.fromEntries(inputs.map((name, index) => [`input${index}`, activationOf(name)]));
}

/** The state entries of a convolution as operands. */
export function convolutionParameters({ name, bias, adjust }: ConvolutionLayer): Record<string, string> {
  return {
    filter: parameter(`${name}.weight`),
    ...(bias && { bias: parameter(`${name}.bias`) }),
    ...(adjust !== 'none' && { adjust: parameter(`${name}.adjust`) }),
  };
}

/** The state entries of a fully connected layer as operands. */
export function denseParameters(name: string, bias: boolean): Record<string, string> {
  return { filter: parameter(`${name}.weight`), ...(bias && { bias: parameter(`${name}.bias`) }) };
}

/** The state entries of a batch norm as operands. */
export function normParameters(name: string): Record<string, string> {
  return {
    weight: parameter(`${name}.weight`),
    bias: parameter(`${name}.bias`),
    runningMean: parameter(`${name}.running_mean`),
    runningVariance: parameter(`${name}.running_var`),
  };
}
