import { tensorBytes } from '../ops/plan.js';
import { type PrecisionOptions, storedBytes } from '../ops/precision.js';
import type { DeviceTraits } from '../ops/traits.js';
import { planInferenceIn } from './half.js';
import type { InferencePlanOptions } from './inferencePlan.js';
import { isExternal, lossesTensor, ranksTensor } from './names.js';
import type { Network } from './network.js';
import { planArena, planTextures } from './operations.js';
import { checkOutputNames } from './outputNames.js';
import { inferShapes, largestNeighbours, type Shape } from './shapes.js';
import { layoutState } from './stateLayout.js';
import { planTraining, type TrainingPlanOptions } from './trainingPlan.js';

/** GPU memory that a network needs, in bytes. */
export interface Footprint {
  /** Parameters and running statistics. */
  readonly state: number;
  /** Gradients of the parameters; 0 at inference. */
  readonly gradients: number;
  /** What the optimiser carries from step to step; 0 at inference. */
  readonly optimiser: number;
  /** Images and labels of a batch. */
  readonly input: number;
  /**
   * The filters in float16, where activations are; the parameters stay as they are. 0 in training, where they lie in the arena as
   * long as they are used.
   */
  readonly filters: number;
  /** Everything that passes between the operations, and what they need for themselves. */
  readonly arena: number;
  /** All of it together: what is allocated while the network runs. */
  readonly total: number;
}

/** What the arena is to be compared with, in bytes. */
export interface ActivationBytes {
  /** The outputs of all layers. */
  readonly all: number;
  /** A layer's largest input together with its output, at most. */
  readonly largestNeighbours: number;
}

/** The widest alignment that WebGPU allows a device to ask for. */
const alignment = 256;
/** A GPU's subgroups, for choosing the forms that scratch depends on. */
const usualTraits: DeviceTraits = { subgroup: 32 };

/**
 * GPU memory of a network compiled for inference on batches of one size, counted from its plan; no device is needed.
 *
 * @param traits - of the device, on which the choice of kernels and so their scratch depends
 */
export function inferenceFootprint(
  network: Network,
  batch: number,
  options: InferencePlanOptions = {},
  traits: DeviceTraits = usualTraits,
): Footprint {
  if (options.outputs) checkOutputNames('inferenceFootprint', network, options.outputs);
  const { fold, filters, forward, output, outputs } = planInferenceIn(network, batch, options, traits);
  const folded = planArena(
    fold,
    isExternal,
    fold.map(({ tensors }) => tensors.scaleShift!),
    alignment,
  );
  const { arenaBytes } = planArena(forward, isExternal, [output, ...outputs.values()], alignment);
  return withTotal({
    state: stateBytes(network),
    gradients: 0,
    optimiser: 0,
    input: imageBytes(network, batch),
    filters: filters.reduce((sum, { plan }) => sum + plan.operands.output!.bytes, 0),
    arena: folded.arenaBytes + arenaBytes + planTextures(forward).bytes,
  });
}

/**
 * GPU memory of a training on batches of one size, counted from its plan; no device is needed.
 *
 * @param options - `momentsEach`: values that the optimiser keeps for every parameter, 1 for SGD (the default), 2 for AdamW
 * @param traits - as of {@link inferenceFootprint}
 */
export function trainingFootprint(
  network: Network,
  batch: number,
  options: TrainingPlanOptions & { readonly momentsEach?: number } = {},
  traits: DeviceTraits = usualTraits,
): Footprint {
  const { momentsEach = 1 } = options;
  const { operations, logits } = planTraining(network, batch, options, traits);
  const trained = tensorBytes(layoutState(network).trainedCount);
  return withTotal({
    state: stateBytes(network),
    gradients: trained,
    optimiser: momentsEach * trained,
    input: imageBytes(network, batch) + tensorBytes(batch),
    filters: 0,
    arena:
      planArena(operations, isExternal, [logits, lossesTensor, ranksTensor], alignment).arenaBytes +
      planTextures(operations).bytes,
  });
}

/** The sizes of a network's activations at a batch. */
export function activationBytes(
  network: Network,
  batch: number,
  { precision = 'float32' }: PrecisionOptions = {},
): ActivationBytes {
  const shapes = inferShapes(network, batch);
  const bytes = (shape: Shape): number => storedBytes(precision, ...shape);
  const outputs = network.layers.map(({ name }) => bytes(shapes.get(name)!));
  return {
    all: outputs.reduce((sum, size) => sum + size, 0),
    largestNeighbours: largestNeighbours(network, shapes, precision),
  };
}

function withTotal(parts: Omit<Footprint, 'total'>): Footprint {
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
}

function stateBytes(network: Network): number {
  const { trainedCount, statisticsCount } = layoutState(network);
  return tensorBytes(trainedCount) + tensorBytes(statisticsCount);
}

function imageBytes({ input: { height, width, channels } }: Network, batch: number): number {
  return tensorBytes(batch, height, width, channels);
}
