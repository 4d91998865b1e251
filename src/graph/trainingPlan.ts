import { planBatchNormInference, planBatchNormTraining } from '../ops/batchNorm.js';
import { planBatchNormGradient } from '../ops/batchNormGradient.js';
import { planChannelSums } from '../ops/channelSums.js';
import { planConcat, planConcatGradient } from '../ops/concat.js';
import { planConvert } from '../ops/convert.js';
import { planConvolutionFilterGradient } from '../ops/convolution/filterGradient.js';
import { planConvolution } from '../ops/convolution/forward.js';
import { planIcUnitGradient } from '../ops/convolution/icUnitGradient.js';
import { planConvolutionInputGradient } from '../ops/convolution/inputGradient.js';
import { checkConvolution } from '../ops/convolution/shape.js';
import { planDense, planDenseInputGradient, planDenseWeightGradient } from '../ops/dense.js';
import { type DistillationLoss, planLogitDistillation } from '../ops/distillation.js';
import { planCrossEntropy, planLabelRank } from '../ops/loss.js';
import { type OperationPlan, tensorBytes } from '../ops/plan.js';
import { planAdd, planAddGradient, planRelu, planReluGradient } from '../ops/pointwise.js';
import { planMaxPool, planMaxPoolGradient, planMeanPool, planMeanPoolGradient } from '../ops/pool.js';
import type { Precision, PrecisionOptions } from '../ops/precision.js';
import type { DeviceTraits } from '../ops/traits.js';
import { planTranspose } from '../ops/transpose.js';
import { type FusedLayers, fuseLayers, isBatchNorm } from './fusion.js';
import { concatInputs, convolutionParameters, denseParameters, normParameters } from './inferencePlan.js';
import {
  batchNormShape,
  concatShape,
  convolutionShape,
  denseShape,
  flattenShape,
  meanPoolOptions,
  poolShape,
  reluBound,
  reluOptions,
} from './layerShapes.js';
import {
  activationOf,
  distancesTensor,
  distillationWeightTensor,
  faultTensor,
  gradientOf,
  halvedInput,
  inputTensor,
  keptBy,
  labelsTensor,
  lossesTensor,
  lossScaleTensor,
  narrowedFor,
  parameter,
  parameterGradient,
  ranksTensor,
  recomputed,
  teacherTensor,
  widened,
} from './names.js';
import { type ConvolutionLayer, type DenseLayer, type Layer, type Network, withoutSoftmax } from './network.js';
import { inLayer, type NetworkOperation, type OperationList, operationList } from './operations.js';
import { elementCount, networkParameters } from './parameters.js';
import { segmentsOf } from './segments.js';
import { inferShapes, largestNeighbours, type Shape } from './shapes.js';

/** The forward and backward operations of a training step, loss included. */
export interface TrainingOperations {
  readonly operations: readonly NetworkOperation[];
  readonly logits: string;
  readonly logitsShape: Shape;
}

/** What a training step is made for. */
export interface TrainingPlanOptions extends PrecisionOptions {
  /** 0 where left out. */
  readonly labelSmoothing?: number;
  /**
   * Keeps only the tensors between blocks of layers, and computes those inside a block again when the backward pass comes to
   * it: much less memory for about a third more time, and the same values to the last bit. Default false.
   */
  readonly recompute?: boolean;
  /** A loss beside cross entropy. */
  readonly distillation?: DistillationLoss;
  /** Examples over which the loss is the mean, where the batch is a part of them; the batch where left out. */
  readonly meanOver?: number;
}

interface Planner {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly traits: DeviceTraits;
  readonly precision: Precision;
  /** A layer whose output is float32 as its sums are: that of the logits, unless more follows the sum. */
  readonly wide: string | undefined;
  /** Elements of the parameters, by name. */
  readonly counts: ReadonlyMap<string, number>;
  readonly list: OperationList;
  /** Layers whose output's gradient holds something already, so that the next contribution adds to it. */
  readonly reached: Set<string>;
  /** Tensors that hold a layer's gradient under another name: that of the gradient they were made from, in place. */
  readonly gradients: Map<string, string>;
  /** Layers whose output a batch norm reads. */
  readonly normalised: ReadonlySet<string>;
  /** Blocks of pixels whose mean and variance a convolution has noted, by its layer. */
  readonly blocks: Map<string, number>;
  /** Layers whose tensors are those computed again. */
  readonly again: Set<string>;
}

/**
 * The operations of a training step: forward with batch statistics, mean cross entropy and the ranks of the labels, with
 * `distillation` the distance from a teacher's logits, and backward to every parameter. A softmax at the end is left to the
 * loss. Batch norm runs together with the sum and ReLU behind it.
 *
 * In float16 activations and their gradients are that, and so are the filters, converted anew for every use. Logits, losses,
 * statistics, sums and the gradients of parameters are float32; the latter are those of the loss times `lossScale`.
 *
 * @throws ShapeError where the network is not well formed.
 */
export function planTraining(
  given: Network,
  batch: number,
  options: TrainingPlanOptions,
  deviceTraits: DeviceTraits,
): TrainingOperations {
  const { labelSmoothing = 0, distillation, recompute = false, meanOver = batch, precision = 'float32' } = options;
  const network = withoutSoftmax(given);
  const shapes = inferShapes(network, batch);
  const list = notingList();
  const traits = { scratch: largestNeighbours(network, shapes, precision), ...deviceTraits };
  const planner: Planner = {
    shapes,
    traits,
    precision,
    wide: widensItself(network.layers.at(-1)!) ? network.layers.at(-1)!.name : undefined,
    counts: new Map(networkParameters(network).map(({ name, shape }) => [name, elementCount(shape)])),
    list,
    reached: new Set(),
    gradients: new Map(),
    normalised: new Set(network.layers.filter(isBatchNorm).map(({ inputs }) => inputs[0]!)),
    blocks: new Map(),
    again: new Set(),
  };
  const groups = fuseLayers(network, isBatchNorm);
  if (precision === 'float16') {
    const plan = planConvert(elementCount(shapes.get('input')!), precision);
    list.append('input', plan, { input: inputTensor, output: halvedInput });
  }
  const last = network.layers.at(-1)!.name;
  const logits = precision === 'float16' && planner.wide === undefined ? widened(last) : activationOf(last);
  for (const group of groups) inLayer(group.head.name, () => appendForward(planner, group));
  if (logits !== activationOf(last)) {
    const plan = planConvert(elementCount(shapes.get(last)!), 'float32');
    list.append(last, plan, { input: activationOf(last), output: logits });
  }
  const logitsShape = shapes.get(last)!;
  const classes = elementCount(logitsShape.slice(1));
  list.append('loss', planCrossEntropy({ batch, classes }, { labelSmoothing, gradient: true, meanOver, precision }), {
    logits,
    labels: labelsTensor,
    losses: lossesTensor,
    gradient: gradientOf(last),
    lossScale: lossScaleTensor,
  });
  if (distillation) {
    list.append('loss', planLogitDistillation({ batch, classes }, { ...distillation, meanOver, precision }), {
      logits,
      teacher: teacherTensor,
      distances: distancesTensor,
      gradient: gradientOf(last),
      weight: distillationWeightTensor,
      lossScale: lossScaleTensor,
    });
  }
  list.append('loss', planLabelRank({ batch, classes }), { logits, labels: labelsTensor, ranks: ranksTensor });
  planner.reached.add(last);

  const bytes = ({ output }: FusedLayers): number => tensorBytes(...shapes.get(output)!);
  const segments = recompute ? segmentsOf(groups, bytes) : [groups];
  segments.toReversed().forEach((segment, index) => {
    if (index > 0) appendAgain(planner, segment);
    for (const group of segment.toReversed()) inLayer(group.head.name, () => appendBackward(planner, group));
  });
  return { operations: list.operations, logits, logitsShape };
}

/** Computes the inside of a segment again, ahead of its backward pass; its last output was kept. */
function appendAgain(planner: Planner, segment: readonly FusedLayers[]): void {
  const inside = segment.slice(0, -1);
  for (const { head, output } of inside) planner.again.add(head.name).add(output);
  for (const group of inside) inLayer(group.head.name, () => appendForward(planner, group));
}

/** A list whose operations all note in one place what does not fit into float16. */
function notingList(): OperationList {
  const list = operationList();
  return { ...list, append: (layer, plan, tensors) => list.append(layer, plan, { status: faultTensor, ...tensors }) };
}

/** Whether a layer may leave its output in float32: its backward pass does not read it. */
function widensItself(layer: Layer): boolean {
  return layer.kind === 'dense' || (layer.kind === 'convolution' && layer.adjust === 'none');
}

/** A layer's filters as what reads them next wants them. */
function filterOf({ precision, counts, list }: Planner, layer: string): string {
  const name = `${layer}.weight`;
  if (precision === 'float32') return parameter(name);
  const output = narrowedFor(list.operations.length, name);
  list.append(layer, planConvert(counts.get(name)!, precision), { input: parameter(name), output });
  return output;
}

/** The output of a layer as the backward pass reads it. */
function activation({ again, precision }: Planner, layer: string): string {
  if (layer === 'input') return precision === 'float16' ? halvedInput : inputTensor;
  return again.has(layer) ? recomputed(activationOf(layer)) : activationOf(layer);
}

/** What a layer's forward pass left for its backward pass. */
function kept({ again }: Planner, layer: string, what: string): string {
  return again.has(layer) ? recomputed(keptBy(layer, what)) : keptBy(layer, what);
}

/** The tensor that holds a layer's gradient. */
function gradient({ gradients }: Planner, layer: string): string {
  return gradients.get(layer) ?? gradientOf(layer);
}

function appendForward(planner: Planner, group: FusedLayers): void {
  const { shapes, traits, list, precision, wide } = planner;
  const { head } = group;
  const outputPrecision = head.name === wide ? 'float32' : precision;
  const shape = shapes.get(head.inputs[0]!)!;
  const input = activation(planner, head.inputs[0]!);
  const output = activation(planner, group.output);
  const append = (plan: OperationPlan, tensors: Record<string, string> = {}): void =>
    list.append(head.name, plan, { input, output, ...tensors });
  switch (head.kind) {
    case 'convolution': {
      const { adjust, bias } = head;
      const storeSums = adjust !== 'none';
      const statistics = planner.normalised.has(head.name) && !planner.again.has(head.name);
      const options = { adjust, bias, storeSums, statistics, precision, outputPrecision };
      const plan = planConvolution(convolutionShape(head, shape), options, traits);
      if (statistics) planner.blocks.set(head.name, plan.operands.statistics!.bytes / tensorBytes(3, head.outChannels));
      append(plan, {
        ...convolutionParameters(head),
        filter: filterOf(planner, head.name),
        windowSums: kept(planner, head.name, 'windowSums'),
        statistics: keptBy(head.name, 'statistics'),
      });
      return;
    }
    case 'batchNorm': {
      const { epsilon, momentum } = head;
      const behind = { residual: group.add !== undefined, ...reluOptions(group.relu), precision };
      const coefficients = keptBy(head.name, 'coefficients');
      const residual = group.residual && { residual: activation(planner, group.residual) };
      if (planner.again.has(head.name)) {
        append(planBatchNormInference(batchNormShape(shape), behind), { scaleShift: coefficients, ...residual });
        return;
      }
      const [source] = head.inputs;
      const blocks = planner.blocks.get(source!);
      const measured = blocks === undefined ? {} : { blocks };
      const plan = planBatchNormTraining(batchNormShape(shape), { ...behind, epsilon, momentum, ...measured });
      const statistics = keptBy(source!, 'statistics');
      append(plan, { ...normParameters(head.name), coefficients, statistics, ...residual });
      return;
    }
    case 'add': {
      const [left, right] = head.inputs.map((layer) => activation(planner, layer));
      append(planAdd(elementCount(shape), { precision }), { left: left!, right: right! });
      return;
    }
    case 'relu':
      append(planRelu(elementCount(shape), { ...reluBound(head), precision }));
      return;
    case 'concat':
      append(
        planConcat(concatShape(head, shapes), { precision }),
        concatInputs(head, (layer) => activation(planner, layer)),
      );
      return;
    case 'maxPool':
      append(planMaxPool(poolShape(head, shape), { storeWinners: true, precision }), {
        winners: kept(planner, head.name, 'winners'),
      });
      return;
    case 'meanPool':
      append(planMeanPool(poolShape(head, shape), { ...meanPoolOptions(head), precision }));
      return;
    case 'flatten':
      append(planTranspose(flattenShape(shape), { precision }));
      return;
    case 'dense': {
      const { name, bias } = head;
      append(planDense(denseShape(head, shape), { bias, precision, outputPrecision }, traits), {
        ...denseParameters(name, bias),
        filter: filterOf(planner, name),
      });
    }
  }
}

function appendBackward(planner: Planner, group: FusedLayers): void {
  const { shapes, list, reached, precision } = planner;
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
          list.append(head.name, planAddGradient(elementCount(shape), { accumulate, precision }), {
            input: gradient(planner, head.name),
            output,
          }),
        );
      }
      return;
    case 'concat':
      head.inputs.forEach((layer, index) => {
        contribute(planner, layer, (inputGradient, accumulate) =>
          list.append(head.name, planConcatGradient(concatShape(head, shapes), index, { accumulate, precision }), {
            gradient: gradient(planner, head.name),
            inputGradient,
          }),
        );
      });
      return;
    case 'flatten': {
      const { batch, rows, columns } = flattenShape(shape);
      contribute(planner, head.inputs[0]!, (output, accumulate) =>
        list.append(head.name, planTranspose({ batch, rows: columns, columns: rows }, { accumulate, precision }), {
          input: gradient(planner, head.name),
          output,
        }),
      );
      return;
    }
    default:
      contribute(planner, head.inputs[0]!, (inputGradient, accumulate) => {
        const tensors = { gradient: gradient(planner, head.name), inputGradient };
        if (head.kind === 'relu') {
          const plan = planReluGradient(elementCount(shape), { accumulate, ...reluBound(head), precision });
          list.append(head.name, plan, { ...tensors, activation: activation(planner, head.name) });
        } else if (head.kind === 'maxPool') {
          const winners = kept(planner, head.name, 'winners');
          const plan = planMaxPoolGradient(poolShape(head, shape), { accumulate, precision });
          list.append(head.name, plan, { ...tensors, winners });
        } else if (head.kind === 'meanPool') {
          const options = { accumulate, ...meanPoolOptions(head), precision };
          list.append(head.name, planMeanPoolGradient(poolShape(head, shape), options), tensors);
        }
      });
  }
}

/** Lets `emit` write, or add to, the gradient of a layer's output; the network's input needs none. */
function contribute(planner: Planner, layer: string, emit: (tensor: string, accumulate: boolean) => void): void {
  const { reached } = planner;
  if (layer === 'input') return;
  emit(gradient(planner, layer), reached.has(layer));
  reached.add(layer);
}

function appendConvolutionBackward(planner: Planner, layer: ConvolutionLayer, input: Shape): void {
  const { list, traits, precision } = planner;
  const { name, adjust, bias } = layer;
  const shape = convolutionShape(layer, input);
  const source = layer.inputs[0]!;
  const append = (plan: OperationPlan, tensors: Record<string, string>): void => list.append(name, plan, tensors);
  // The gradient of z takes the place of that of y, which nobody else reads.
  const zGradient = gradient(planner, name);
  const inputSums = keptBy(name, 'inputSums');
  if (adjust !== 'none') {
    append(planIcUnitGradient(shape, adjust, { inPlace: true, precision }), {
      output: activation(planner, name),
      windowSums: kept(planner, name, 'windowSums'),
      adjust: parameter(`${name}.adjust`),
      zGradient,
      inputSums,
      adjustGradient: parameterGradient(`${name}.adjust`),
    });
  }
  if (adjust === 'input') {
    const [batch, height, width, channels] = input;
    append(planChannelSums(batch * height * width, channels, { factors: true, groups: layer.groups, precision }), {
      values: activation(planner, source),
      factors: inputSums,
      output: parameterGradient(`${name}.adjust`),
    });
  }
  if (bias) {
    const { batch, outHeight, outWidth, outChannels } = checkConvolution('convolution', shape);
    append(planChannelSums(batch * outHeight * outWidth, outChannels, { precision }), {
      values: zGradient,
      output: parameterGradient(`${name}.bias`),
    });
  }
  append(planConvolutionFilterGradient(shape, { precision }, traits), {
    input: activation(planner, source),
    gradient: zGradient,
    output: parameterGradient(`${name}.weight`),
  });
  contribute(planner, source, (output, accumulate) => {
    const windowSums = adjust === 'none' ? {} : { windowSums: adjust };
    append(planConvolutionInputGradient(shape, { accumulate, ...windowSums, precision }, traits), {
      gradient: zGradient,
      filter: filterOf(planner, name),
      adjust: parameter(`${name}.adjust`),
      windowSums: inputSums,
      output,
    });
  });
}

function appendNormBackward(planner: Planner, group: FusedLayers, shape: Shape): void {
  const { list, reached, precision } = planner;
  const { head, residual } = group;
  const { name } = head;
  const source = head.inputs[0]!;
  const accumulateResidual = residual !== undefined && reached.has(residual);
  const passesResidual = residual !== undefined && residual !== 'input';
  const behind = { residual: passesResidual, ...reluOptions(group.relu), accumulateResidual, inPlace: true, precision };
  const inputGradient = gradient(planner, group.output);
  list.append(name, planBatchNormGradient(batchNormShape(shape), behind), {
    activation: activation(planner, group.output),
    input: activation(planner, source),
    coefficients: keptBy(name, 'coefficients'),
    weightGradient: parameterGradient(`${name}.weight`),
    biasGradient: parameterGradient(`${name}.bias`),
    inputGradient,
    ...(passesResidual && { residualGradient: gradient(planner, residual) }),
  });
  if (passesResidual) reached.add(residual);
  if (source !== 'input' && source !== residual && !reached.has(source)) {
    planner.gradients.set(source, inputGradient);
    reached.add(source);
    return;
  }
  contribute(planner, source, (output, accumulate) =>
    list.append(name, planAddGradient(elementCount(shape), { accumulate, precision }), {
      input: inputGradient,
      output,
    }),
  );
}

function appendDenseBackward(planner: Planner, layer: DenseLayer, input: Shape): void {
  const { list, traits, precision } = planner;
  const { name, bias, outFeatures } = layer;
  const shape = denseShape(layer, input);
  const source = layer.inputs[0]!;
  const outputGradient = gradient(planner, name);
  if (bias) {
    const output = parameterGradient(`${name}.bias`);
    list.append(name, planChannelSums(shape.batch, outFeatures, { precision }), { values: outputGradient, output });
  }
  list.append(name, planDenseWeightGradient(shape, traits, { precision }), {
    input: activation(planner, source),
    gradient: outputGradient,
    output: parameterGradient(`${name}.weight`),
  });
  contribute(planner, source, (output, accumulate) =>
    list.append(name, planDenseInputGradient(shape, { accumulate, precision }, traits), {
      gradient: outputGradient,
      filter: filterOf(planner, name),
      output,
    }),
  );
}
