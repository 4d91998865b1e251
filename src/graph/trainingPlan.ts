import { planConvert } from '../ops/convert.js';
import { type DistillationLoss, planLogitDistillation } from '../ops/distillation.js';
import { planCrossEntropy, planLabelRank } from '../ops/loss.js';
import { tensorBytes } from '../ops/plan.js';
import type { PrecisionOptions } from '../ops/precision.js';
import type { DeviceTraits } from '../ops/traits.js';
import { endsTraining, type FusedLayers, fuseLayers, isBatchNorm } from './fusion.js';
import {
  activationOf,
  distancesTensor,
  distillationWeightTensor,
  faultTensor,
  gradientOf,
  halvedInput,
  inputTensor,
  labelsTensor,
  lossesTensor,
  lossScaleTensor,
  ranksTensor,
  teacherTensor,
  widened,
} from './names.js';
import { isICUnit, type Layer, type Network, withoutSoftmax } from './network.js';
import { inLayer, type NetworkOperation, type OperationList, operationList } from './operations.js';
import { elementCount, networkParameters } from './parameters.js';
import { segmentsOf } from './segments.js';
import { inferShapes, largestNeighbours, type Shape } from './shapes.js';
import { appendBackward } from './trainingBackward.js';
import { appendForward } from './trainingForward.js';
import type { Planner } from './trainingPlanner.js';

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
  const groups = fuseLayers(network, isBatchNorm, { endsIn: endsTraining });
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
  return (layer.kind === 'dense' || layer.kind === 'convolution') && !isICUnit(layer);
}
