import { planConvert } from '../ops/convert.js';
import type { Precision } from '../ops/precision.js';
import type { DeviceTraits } from '../ops/traits.js';
import type { ForwardStep } from './layerPlans.js';
import {
  activationOf,
  gradientOf,
  halvedInput,
  inputTensor,
  keptBy,
  narrowedFor,
  parameter,
  recomputed,
} from './names.js';
import type { OperationList } from './operations.js';
import type { Shape } from './shapes.js';

/** What the operations of a training step are planned with. */
export interface Planner {
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

/** A layer's filters as what reads them next wants them. */
export function filterOf({ precision, counts, list }: Planner, layer: string): string {
  const name = `${layer}.weight`;
  if (precision === 'float32') return parameter(name);
  const output = narrowedFor(list.operations.length, name);
  list.append(layer, planConvert(counts.get(name)!, precision), { input: parameter(name), output });
  return output;
}

/** What layers that are loaded are planned with. */
export function layerStep(planner: Planner, name: string): Omit<ForwardStep, 'constantFilter' | 'output'> {
  const { shapes, traits, precision, list } = planner;
  return {
    shapes,
    traits,
    precision,
    tensor: (layer) => activation(planner, layer),
    filter: (layer) => filterOf(planner, layer),
    append: (plan, tensors) => list.append(name, plan, tensors),
  };
}

/** The output of a layer as the backward pass reads it. */
export function activation({ again, precision }: Planner, layer: string): string {
  if (layer === 'input') return precision === 'float16' ? halvedInput : inputTensor;
  return again.has(layer) ? recomputed(activationOf(layer)) : activationOf(layer);
}

/** What a layer's forward pass left for its backward pass. */
export function kept({ again }: Planner, layer: string, what: string): string {
  return again.has(layer) ? recomputed(keptBy(layer, what)) : keptBy(layer, what);
}

/** The tensor that holds a layer's gradient. */
export function gradient({ gradients }: Planner, layer: string): string {
  return gradients.get(layer) ?? gradientOf(layer);
}

/** Lets `emit` write, or add to, the gradient of a layer's output; the network's input needs none. */
export function contribute(planner: Planner, layer: string, emit: (tensor: string, accumulate: boolean) => void): void {
  const { reached } = planner;
  if (layer === 'input') return;
  emit(gradient(planner, layer), reached.has(layer));
  reached.add(layer);
}
