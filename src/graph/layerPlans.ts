import type { Activation } from '../ops/activation.js';
import type { OperationPlan } from '../ops/plan.js';
import type { Precision } from '../ops/precision.js';
import type { DeviceTraits } from '../ops/traits.js';
import type { ActivationLayer, AffineLayer, Layer, LoadedLayer, Network } from './network.js';
import type { OperationList } from './operations.js';
import type { Shape } from './shapes.js';

/*
 * How layers that are loaded when a network has one meet the planning of inference and training, which call the same plans.
 */

/** What a layer is planned with. */
interface LayerStep {
  /** Of every layer's output. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly traits: DeviceTraits;
  /** Of activations and filters in memory. */
  readonly precision: Precision;
  /** The tensor that holds a layer's output. */
  tensor(layer: string): string;
  /** The tensor with a layer's filters, in `precision`. */
  filter(layer: string): string;
  /** Appends an operation; what is said of `append` of operation lists holds. */
  append(plan: OperationPlan, tensors: Readonly<Record<string, string>>): void;
}

/** The forward pass of a layer, at inference and in training. */
export interface ForwardStep extends LayerStep {
  /** Whether filters change seldom, and what is made of them may be kept. */
  readonly constantFilter: boolean;
  /** The tensor to leave the layer's output in. */
  readonly output: string;
}

/** The backward pass of a layer. */
export interface BackwardStep extends LayerStep {
  /** The tensor with the gradient of the layer's output. */
  readonly gradient: string;
  /** Lets `emit` write, or add to, the gradient of an input; the network's input needs none. */
  contribute(layer: string, emit: (tensor: string, accumulate: boolean) => void): void;
}

/** How a layer of one kind is planned. */
export interface LayerPlan<Kind extends Layer> {
  forward(step: ForwardStep, layer: Kind): void;
  backward(step: BackwardStep, layer: Kind): void;
}

/** How an affine layer is planned. */
export interface AffinePlan extends LayerPlan<AffineLayer> {
  /** Appends what makes of its parameters the scale and shift that it is, or that it is behind those of a tensor. */
  fold(list: OperationList, layer: AffineLayer, channels: number, before?: string): void;
}

/** How an activation is planned. */
export interface ActivationPlan extends LayerPlan<ActivationLayer> {
  /** What operations ahead of it end in instead. */
  end(layer: ActivationLayer): Activation;
}

/** A plan for every kind of layer that is loaded. */
export type LayerPlans = {
  readonly [Kind in LoadedLayer['kind']]: LayerPlan<Extract<LoadedLayer, { kind: Kind }>>;
} & { readonly affine: AffinePlan; readonly activation: ActivationPlan };

/** The kinds of layers that plain networks of convolutions are made of. */
const atHand: readonly Layer['kind'][] = [
  'convolution',
  'batchNorm',
  'relu',
  'add',
  'maxPool',
  'meanPool',
  'dense',
  'softmax',
];

/** The plans of layers that are loaded, where a network has one. */
export async function loadLayerPlans({ layers }: Network): Promise<LayerPlans | undefined> {
  if (layers.every(({ kind }) => atHand.includes(kind))) return undefined;
  return (await import('./layers/plans.js')).layerPlans;
}

/** The plan of a layer's kind. */
export function planOf<Kind extends LoadedLayer>(plans: LayerPlans, { kind }: Kind): LayerPlan<Kind> {
  return plans[kind as Kind['kind']] as unknown as LayerPlan<Kind>;
}
