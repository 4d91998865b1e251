import { planBatchNormFold, planBatchNormInference } from '../ops/batchNorm.js';
import { planConvolution } from '../ops/convolution/forward.js';
import { planDense } from '../ops/dense.js';
import type { OperationPlan } from '../ops/plan.js';
import { planAdd, planRelu } from '../ops/pointwise.js';
import { planMaxPool, planMeanPool } from '../ops/pool.js';
import { type Precision, type PrecisionOptions, storedBytes } from '../ops/precision.js';
import { planSoftmax } from '../ops/softmax.js';
import type { DeviceTraits } from '../ops/traits.js';
import { endsInference, type FusedLayers, fuseLayers, isBatchNorm, isConvolution, isScale } from './fusion.js';
import { type LayerPlans, planOf } from './layerPlans.js';
import {
  activationOptions,
  batchNormShape,
  convolutionShape,
  denseShape,
  meanPoolOptions,
  poolShape,
  reluBound,
  unitOptions,
} from './layerShapes.js';
import { activationOf, foldedNorm, parameter, statusOf } from './names.js';
import type { Layer, Network, UnitLayer } from './network.js';
import { inLayer, type NetworkOperation, type OperationList, operationList } from './operations.js';
import { elementCount } from './parameters.js';
import { inferShapes, largestNeighbours, type Shape } from './shapes.js';

/** What inference runs: once after the parameters change, and for every batch. */
export interface InferenceOperations {
  /** Batch norms and affine layers made into scales and shifts. */
  readonly fold: readonly NetworkOperation[];
  /** Filters made float16, after the parameters changed, too; none in float32. */
  readonly filters: readonly NetworkOperation[];
  readonly forward: readonly NetworkOperation[];
  readonly output: string;
  readonly outputShape: Shape;
  /** The tensors with the outputs that are asked for, by their layers. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** Memory that inference may take, and as what tensors lie in it. */
export interface InferencePlanOptions extends PrecisionOptions {
  /**
   * `least`: no form that needs scratch, so that activations are all there is; `fastest`: also forms that do, filters
   * transformed for Winograd among it, which are up to four times their size and kept. Default `least`.
   */
  readonly memory?: 'least' | 'fastest';
  /**
   * Names of layers whose outputs are wanted; the last one's where left out. Such a layer is not taken into another's dispatch, and
   * its memory is not used again.
   */
  readonly outputs?: readonly string[];
}

/** What is done besides with a convolution or dense layer, whose input and filters are tensors: appends operations ahead of it. */
export type UnitHook = (
  layer: UnitLayer,
  input: { readonly tensor: string; readonly shape: Shape; readonly filter: string },
  traits: DeviceTraits,
  list: OperationList,
) => void;

/** How tensors become float16, and logits float32 again. */
export interface HalfPlanner {
  /** Filters that became float16. */
  readonly filters: OperationList;
  /** Appends the conversion of the input, and returns what it makes. */
  input(list: OperationList): string;
  /** A layer's filters in float16. */
  filter(layer: string): string;
  /** Of what a group of layers leaves. */
  outputPrecision(group: FusedLayers): Precision;
  /** Appends the conversion of a group's output into float32 where it is wanted or the logits, and not float32 yet. */
  widen(group: FusedLayers, output: string, list: OperationList): void;
  /** The logits in float32. */
  logits(): string;
  /** A layer's output in float32 where there is one, else the tensor that holds it. */
  output(layer: string, tensor: string): string;
}

/** What planning calls. */
export interface InferencePlanHooks {
  /** Ahead of every convolution and dense layer. */
  readonly besides?: UnitHook;
  /** In float16. */
  readonly halfPlanner?:
    | ((network: Network, shapes: ReadonlyMap<string, Shape>, kept: ReadonlySet<string>) => HalfPlanner)
    | undefined;
  /** Of layers that are loaded. */
  readonly layerPlans?: LayerPlans | undefined;
}

/**
 * The operations of inference. A convolution with the batch norm, affine layer, sum and ReLU behind it is one dispatch, which takes the
 * memory of what it adds where nobody else reads that. In float16 are the activations and filters; the input is converted first,
 * and logits are float32.
 *
 * @throws ShapeError where the network is not well formed.
 */
export function planInference(
  network: Network,
  batch: number,
  { memory = 'least', precision = 'float32', outputs }: InferencePlanOptions,
  deviceTraits: DeviceTraits,
  { besides, halfPlanner, layerPlans }: InferencePlanHooks = {},
): InferenceOperations {
  const constantFilter = memory === 'fastest';
  const shapes = inferShapes(network, batch);
  const room = largestNeighbours(network, shapes, precision);
  // What the arena has beside the tensors that a convolution reads and writes may hold the parts of a split one.
  const traitsBeside = (layers: readonly string[]): DeviceTraits => {
    if (constantFilter) return deviceTraits;
    const taken = layers.reduce((sum, layer) => sum + storedBytes(precision, ...shapes.get(layer)!), 0);
    return { ...deviceTraits, scratch: 0, parts: Math.max(0, room - taken) };
  };
  const fold = operationList();
  for (const layer of network.layers.filter(isBatchNorm)) {
    const [, , , channels] = shapes.get(layer.name)!;
    const plan = inLayer(layer.name, () => planBatchNormFold(channels, layer.epsilon));
    fold.append(layer.name, plan, { ...normParameters(layer.name), scaleShift: foldedNorm(layer.name) });
  }
  const forward = operationList();
  const last = network.layers.at(-1)!.name;
  const kept = new Set(outputs ?? [last]);
  const groups = inferenceGroups(network, kept);
  for (const { head, norm, affine = head } of groups) {
    if (affine.kind !== 'affine') continue;
    const [, , , channels] = shapes.get(affine.name)!;
    layerPlans!.affine.fold(fold, affine, channels, norm && foldedNorm(norm.name));
  }
  const lastReader = new Map<string, FusedLayers>();
  for (const group of groups) for (const layer of readBy(group)) lastReader.set(layer, group);
  const places = new Map<string, string>();
  const place = (layer: string): string => places.get(layer) ?? activationOf(layer);
  const half = precision === 'float16' ? halfPlanner!(network, shapes, kept) : undefined;
  if (half) places.set('input', half.input(forward));
  const filterOf = (layer: string): string => half?.filter(layer) ?? parameter(`${layer}.weight`);

  const appendGroup = (group: FusedLayers): void => {
    const input = shapes.get(group.head.inputs[0]!)!;
    const residualInPlace =
      takesPlaceOfResidual(group) && lastReader.get(group.residual!) === group && !kept.has(group.residual!);
    if (residualInPlace) places.set(group.output, place(group.residual!));
    const output = place(group.output);
    const from = place(group.head.inputs[0]!);
    const residual: Record<string, string> =
      group.residual && !residualInPlace ? { residual: place(group.residual) } : {};
    const activation = activationOptions(group, layerPlans);
    const behind = { residual: group.add !== undefined && !residualInPlace, ...activation, precision };
    const outputPrecision = half?.outputPrecision(group) ?? precision;
    const append = (plan: OperationPlan, tensors: Record<string, string>): void => {
      const status = plan.operands.status && { status: statusOf(group.head.name) };
      forward.append(group.head.name, plan, { input: from, output, ...status, ...tensors });
    };
    switch (group.head.kind) {
      case 'convolution': {
        const scale = group.affine ?? group.norm;
        const slopes = group.ending?.kind === 'prelu';
        const fused = { residualInPlace, scaleShift: scale !== undefined, slopes, constantFilter };
        const options = { ...behind, ...fused, outputPrecision };
        const taken = residualInPlace ? [] : readBy(group).filter((layer) => layer !== group.head.inputs[0]);
        const traits = traitsBeside([group.head.inputs[0]!, group.output, ...taken]);
        const filter = filterOf(group.head.name);
        besides?.(group.head, { tensor: from, shape: input, filter }, traits, forward);
        append(
          planConvolution(convolutionShape(group.head, input), { ...unitOptions(group.head), ...options }, traits),
          {
            ...unitParameters(group.head.name),
            filter,
            ...(scale && { scaleShift: foldedNorm(scale.name) }),
            ...(slopes && { slopes: parameter(`${group.output}.weight`) }),
            ...residual,
          },
        );
        break;
      }
      case 'batchNorm':
      case 'affine': {
        const tensors = { scaleShift: foldedNorm(group.head.name), ...residual };
        append(planBatchNormInference(batchNormShape(input), behind), tensors);
        break;
      }
      case 'add':
        append(planAdd(elementCount(input), { ...activation, precision }), {
          left: from,
          right: place(group.head.inputs[1]!),
        });
        break;
      case 'relu':
        append(planRelu(elementCount(input), { ...reluBound(group.head), precision }), {});
        break;
      case 'maxPool':
        append(planMaxPool(poolShape(group.head, input), { precision }), {});
        break;
      case 'meanPool':
        append(planMeanPool(poolShape(group.head, input), { ...meanPoolOptions(group.head), precision }), {});
        break;
      case 'dense': {
        const { name } = group.head;
        const traits = traitsBeside([group.head.inputs[0]!, group.output]);
        const filter = filterOf(name);
        besides?.(group.head, { tensor: from, shape: input, filter }, traits, forward);
        const options = { ...unitOptions(group.head), ...activation, precision, outputPrecision };
        const plan = planDense(denseShape(group.head, input), options, traits);
        append(plan, { ...unitParameters(name), filter });
        break;
      }
      case 'softmax':
        append(planSoftmax(elementCount(input.slice(0, 3)), input[3]), half ? { input: half.logits() } : {});
        break;
      default:
        planOf(layerPlans!, group.head).forward(
          {
            shapes,
            traits: traitsBeside([...group.head.inputs, group.output]),
            precision,
            tensor: place,
            filter: filterOf,
            constantFilter,
            output,
            append,
          },
          group.head,
        );
    }
    half?.widen(group, output, forward);
  };
  for (const group of groups) inLayer(group.head.name, () => appendGroup(group));

  const outputOf = (layer: string): string => half?.output(layer, place(layer)) ?? place(layer);
  return {
    fold: fold.operations,
    filters: half?.filters.operations ?? [],
    forward: forward.operations,
    output: outputOf(last),
    outputShape: shapes.get(last)!,
    outputs: new Map([...kept].map((layer) => [layer, outputOf(layer)])),
  };
}

/**
 * The layers that run as one at inference.
 *
 * @param kept - those whose outputs are wanted
 */
export function inferenceGroups(network: Network, kept?: ReadonlySet<string>): FusedLayers[] {
  const isHead = (layer: Layer): boolean =>
    isConvolution(layer) || isScale(layer) || layer.kind === 'add' || layer.kind === 'dense';
  return fuseLayers(network, isHead, { endsIn: endsInference, ...(kept && { kept }) });
}

/** The layers whose outputs a group reads. */
function readBy({ head, residual }: FusedLayers): readonly string[] {
  return residual === undefined ? head.inputs : [...head.inputs, residual];
}

/** Whether a group may leave its output where what it adds was, if nobody else reads that. */
function takesPlaceOfResidual({ head, residual }: FusedLayers): boolean {
  return (
    head.kind === 'convolution' && residual !== undefined && residual !== 'input' && !head.inputs.includes(residual)
  );
}

/** The state entries of a convolution or fully connected layer as operands, as many as it has. */
export function unitParameters(name: string): Record<string, string> {
  const entry = (suffix: string): string => parameter(`${name}.${suffix}`);
  return { filter: entry('weight'), bias: entry('bias'), adjust: entry('adjust') };
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
