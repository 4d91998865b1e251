import { planBatchNormTraining } from '../ops/batchNorm.js';
import { planBatchNormGradient } from '../ops/batchNormGradient.js';
import { planChannelSums } from '../ops/channelSums.js';
import { planConcat, planConcatGradient } from '../ops/concat.js';
import { checkConvolution } from '../ops/convolution.js';
import { planConvolutionFilterGradient } from '../ops/convolutionFilterGradient.js';
import { planConvolution } from '../ops/convolutionForward.js';
import { planConvolutionInputGradient } from '../ops/convolutionInputGradient.js';
import { planDense, planDenseInputGradient, planDenseWeightGradient } from '../ops/dense.js';
import { type DistillationLoss, planLogitDistillation } from '../ops/distillation.js';
import { planIcUnitGradient } from '../ops/icUnitGradient.js';
import { planCrossEntropy, planLabelRank } from '../ops/loss.js';
import type { OperationPlan } from '../ops/plan.js';
import { planAdd, planAddGradient, planRelu, planReluGradient } from '../ops/pointwise.js';
import { planMaxPool, planMaxPoolGradient, planMeanPool, planMeanPoolGradient } from '../ops/pool.js';
import type { DeviceTraits } from '../ops/traits.js';
import { type FusedLayers, fuseLayers, isBatchNorm } from './fusion.js';
import { addInputs, concatInputs, convolutionParameters, denseParameters, normParameters } from './inferencePlan.js';
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
import {
  activationOf,
  distancesTensor,
  distillationWeightTensor,
  gradientOf,
  keptBy,
  labelsTensor,
  lossesTensor,
  parameter,
  parameterGradient,
  ranksTensor,
  teacherTensor,
} from './names.js';
import { type ConvolutionLayer, type DenseLayer, type Network, withoutSoftmax } from './network.js';
import { inLayer, type NetworkOperation, type OperationList, operationList } from './operations.js';
import { elementCount } from './parameters.js';
import { inferShapes, type Shape } from './shapes.js';

/** The forward and backward operations of a training step, loss included. */
export interface TrainingOperations {
  readonly operations: readonly NetworkOperation[];
  readonly logits: string;
  readonly logitsShape: Shape;
}

interface Planner {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly traits: DeviceTraits;
  readonly list: OperationList;
  /** Layers whose output's gradient holds something already, so that the next contribution adds to it. */
  readonly reached: Set<string>;
}

/**
 * The operations of a training step: forward with batch statistics, mean cross entropy and the ranks of the labels, with
 * `distillation` the distance from a teacher's logits, and backward to every parameter. A softmax at the end is left to the
 * loss. Batch norm runs together with the sum and ReLU behind it.
 *
 * @throws ShapeError where the network is not well formed.
 */
export function planTraining(
  given: Network,
  batch: number,
  options: { readonly labelSmoothing: number; readonly distillation?: DistillationLoss },
  traits: DeviceTraits,
): TrainingOperations {
  const network = withoutSoftmax(given);
  const shapes = inferShapes(network, batch);
  const list = operationList();
  const planner: Planner = { shapes, traits, list, reached: new Set() };
  const groups = fuseLayers(network, isBatchNorm);
  for (const group of groups) inLayer(group.head.name, () => appendForward(planner, group));

  const last = network.layers.at(-1)!.name;
  const logits = activationOf(last);
  const logitsShape = shapes.get(last)!;
  const classes = elementCount(logitsShape.slice(1));
  const { labelSmoothing, distillation } = options;
  list.append('loss', planCrossEntropy({ batch, classes }, { labelSmoothing, gradient: true }), {
    logits,
    labels: labelsTensor,
    losses: lossesTensor,
    gradient: gradientOf(last),
  });
  if (distillation) {
    list.append('loss', planLogitDistillation({ batch, classes }, distillation), {
      logits,
      teacher: teacherTensor,
      distances: distancesTensor,
      gradient: gradientOf(last),
      weight: distillationWeightTensor,
    });
  }
  list.append('loss', planLabelRank({ batch, classes }), { logits, labels: labelsTensor, ranks: ranksTensor });
  planner.reached.add(last);

  for (const group of [...groups].reverse()) inLayer(group.head.name, () => appendBackward(planner, group));
  return { operations: list.operations, logits, logitsShape };
}

function appendForward({ shapes, traits, list }: Planner, group: FusedLayers): void {
  const { head } = group;
  const shape = shapes.get(head.inputs[0]!)!;
  const input = activationOf(head.inputs[0]!);
  const output = activationOf(group.output);
  const append = (plan: OperationPlan, tensors: Record<string, string> = {}): void =>
    list.append(head.name, plan, { input, output, ...tensors });
  switch (head.kind) {
    case 'convolution': {
      const { adjust, bias } = head;
      const storeSums = adjust !== 'none';
      append(planConvolution(convolutionShape(head, shape), { adjust, bias, storeSums }, traits), {
        ...convolutionParameters(head),
        windowSums: keptBy(head.name, 'windowSums'),
      });
      return;
    }
    case 'batchNorm': {
      const { epsilon, momentum } = head;
      const behind = { residual: group.add !== undefined, ...reluOptions(group.relu) };
      append(planBatchNormTraining(batchNormShape(shape), { ...behind, epsilon, momentum }), {
        ...normParameters(head.name),
        coefficients: keptBy(head.name, 'coefficients'),
        ...(group.residual && { residual: activationOf(group.residual) }),
      });
      return;
    }
    case 'add':
      append(planAdd(elementCount(shape)), addInputs(group));
      return;
    case 'relu':
      append(planRelu(elementCount(shape), reluBound(head)));
      return;
    case 'concat':
      append(planConcat(concatShape(head, shapes)), concatInputs(head));
      return;
    case 'maxPool':
      append(planMaxPool(poolShape(head, shape), { storeWinners: true }), { winners: keptBy(head.name, 'winners') });
      return;
    case 'meanPool':
      append(planMeanPool(poolShape(head, shape), meanPoolOptions(head)));
      return;
    case 'dense':
      append(planDense(denseShape(head, shape), { bias: head.bias }, traits), denseParameters(head.name, head.bias));
  }
}

function appendBackward(planner: Planner, group: FusedLayers): void {
  const { shapes, list, reached } = planner;
  const { head } = group;
  if (!reached.has(group.output)) return;
  const shape = shapes.get(head.inputs[0]!)!;
  switch (head.kind) {
    case 'convolution':
      appendConvolutionBackward(planner, head, shape);
      return;
    case 'batchNorm':
      appendNormBackward(planner, group, shape);
      return;
    case 'dense':
      appendDenseBackward(planner, head, shape);
      return;
    case 'add':
      for (const layer of head.inputs) {
        contribute(planner, layer, (output, accumulate) =>
          list.append(head.name, planAddGradient(elementCount(shape), { accumulate }), {
            input: gradientOf(head.name),
            output,
          }),
        );
      }
      return;
    case 'concat':
      head.inputs.forEach((layer, index) => {
        contribute(planner, layer, (inputGradient, accumulate) =>
          list.append(head.name, planConcatGradient(concatShape(head, shapes), index, { accumulate }), {
            gradient: gradientOf(head.name),
            inputGradient,
          }),
        );
      });
      return;
    default:
      contribute(planner, head.inputs[0]!, (inputGradient, accumulate) => {
        const tensors = { gradient: gradientOf(head.name), inputGradient };
        if (head.kind === 'relu') {
          const activation = activationOf(head.name);
          const plan = planReluGradient(elementCount(shape), { accumulate, ...reluBound(head) });
          list.append(head.name, plan, { ...tensors, activation });
        } else if (head.kind === 'maxPool') {
          const winners = keptBy(head.name, 'winners');
          list.append(head.name, planMaxPoolGradient(poolShape(head, shape), { accumulate }), { ...tensors, winners });
        } else if (head.kind === 'meanPool') {
          const options = { accumulate, ...meanPoolOptions(head) };
          list.append(head.name, planMeanPoolGradient(poolShape(head, shape), options), tensors);
        }
      });
  }
}

/** Lets `emit` write, or add to, the gradient of a layer's output; the network's input needs none. */
function contribute({ reached }: Planner, layer: string, emit: (tensor: string, accumulate: boolean) => void): void {
  if (layer === 'input') return;
  emit(gradientOf(layer), reached.has(layer));
  reached.add(layer);
}

function appendConvolutionBackward(planner: Planner, layer: ConvolutionLayer, input: Shape): void {
  const { list, traits } = planner;
  const { name, adjust, bias } = layer;
  const shape = convolutionShape(layer, input);
  const source = layer.inputs[0]!;
  const append = (plan: OperationPlan, tensors: Record<string, string>): void => list.append(name, plan, tensors);
  let zGradient = gradientOf(name);
  const inputSums = keptBy(name, 'inputSums');
  if (adjust !== 'none') {
    zGradient = keptBy(name, 'zGradient');
    append(planIcUnitGradient(shape, adjust), {
      gradient: gradientOf(name),
      output: activationOf(name),
      windowSums: keptBy(name, 'windowSums'),
      adjust: parameter(`${name}.adjust`),
      zGradient,
      inputSums,
      adjustGradient: parameterGradient(`${name}.adjust`),
    });
  }
  if (adjust === 'input') {
    const [batch, height, width, channels] = input;
    append(planChannelSums(batch * height * width, channels, { factors: true, groups: layer.groups }), {
      values: activationOf(source),
      factors: inputSums,
      output: parameterGradient(`${name}.adjust`),
    });
  }
  if (bias) {
    const { batch, outHeight, outWidth, outChannels } = checkConvolution('convolution', shape);
    append(planChannelSums(batch * outHeight * outWidth, outChannels), {
      values: zGradient,
      output: parameterGradient(`${name}.bias`),
    });
  }
  append(planConvolutionFilterGradient(shape, {}, traits), {
    input: activationOf(source),
    gradient: zGradient,
    output: parameterGradient(`${name}.weight`),
  });
  contribute(planner, source, (output, accumulate) => {
    const windowSums = adjust === 'none' ? {} : { windowSums: adjust };
    append(planConvolutionInputGradient(shape, { accumulate, ...windowSums }, traits), {
      gradient: zGradient,
      filter: parameter(`${name}.weight`),
      adjust: parameter(`${name}.adjust`),
      windowSums: inputSums,
      output,
    });
  });
}

function appendNormBackward(planner: Planner, group: FusedLayers, shape: Shape): void {
  const { list, reached } = planner;
  const { head, residual } = group;
  const { name } = head;
  const source = head.inputs[0]!;
  const accumulateResidual = residual !== undefined && reached.has(residual);
  const passesResidual = residual !== undefined && residual !== 'input';
  const behind = { residual: passesResidual, ...reluOptions(group.relu), accumulateResidual };
  const tensors = {
    gradient: gradientOf(group.output),
    activation: activationOf(group.output),
    input: activationOf(source),
    coefficients: keptBy(name, 'coefficients'),
    weightGradient: parameterGradient(`${name}.weight`),
    biasGradient: parameterGradient(`${name}.bias`),
    ...(passesResidual && { residualGradient: gradientOf(residual) }),
  };
  const plan = planBatchNormGradient(batchNormShape(shape), behind);
  const shared = source === 'input' || source === residual || reached.has(source);
  const inputGradient = shared ? keptBy(name, 'inputGradient') : gradientOf(source);
  list.append(name, plan, { ...tensors, inputGradient });
  if (passesResidual) reached.add(residual);
  if (!shared) {
    reached.add(source);
    return;
  }
  contribute(planner, source, (output, accumulate) =>
    list.append(name, planAddGradient(elementCount(shape), { accumulate }), { input: inputGradient, output }),
  );
}

function appendDenseBackward(planner: Planner, layer: DenseLayer, input: Shape): void {
  const { list, traits } = planner;
  const { name, bias, outFeatures } = layer;
  const shape = denseShape(layer, input);
  const source = layer.inputs[0]!;
  const gradient = gradientOf(name);
  if (bias) {
    const output = parameterGradient(`${name}.bias`);
    list.append(name, planChannelSums(shape.batch, outFeatures), { values: gradient, output });
  }
  list.append(name, planDenseWeightGradient(shape, traits), {
    input: activationOf(source),
    gradient,
    output: parameterGradient(`${name}.weight`),
  });
  contribute(planner, source, (output, accumulate) =>
    list.append(name, planDenseInputGradient(shape, { accumulate }, traits), {
      gradient,
      filter: parameter(`${name}.weight`),
      output,
    }),
  );
}
