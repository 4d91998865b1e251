import { ShapeError } from '../errors.js';
import type { ParameterSpec } from '../graph/parameters.js';
import type { StateLayout } from '../graph/stateLayout.js';
import { parameterBlock } from '../ops/parameterBlock.js';

/** Parameters that learn in their own way; what is left out is as the optimiser's. */
export interface ParameterGroup {
  /** Which parameters belong to it; the first group that takes a parameter has it. */
  readonly parameters: (parameter: ParameterSpec) => boolean;
  /** Multiplies the scheduled learning rate. */
  readonly learningRateFactor?: number;
  /** In place of the optimiser's. */
  readonly weightDecay?: number;
  /** Of SGD alone: AdamW corrects its betas' bias for all parameters at once. */
  readonly momentum?: number;
}

/** The settings where no group changes them. */
export interface GroupDefaults {
  readonly weightDecay: number;
  /** SGD's momentum, AdamW's beta1. */
  readonly momentum: number;
  readonly beta2: number;
}

/**
 * The usual groups: recalibration weights learn at `adjustFactor` of the rate, and neither they nor offsets, scales,
 * biases and slopes decay. At the full rate `adjust` swings, since the window sum it multiplies is the sum of hundreds of values, and the IC
 * network ends worse than the plain one.
 */
export function defaultGroups(adjustFactor = 0.01): ParameterGroup[] {
  const undecayed = new Set(['scale', 'shift', 'bias', 'denseBias', 'offset', 'slope']);
  return [
    { parameters: ({ role }) => role === 'adjust', learningRateFactor: adjustFactor, weightDecay: 0 },
    { parameters: ({ role }) => undecayed.has(role), weightDecay: 0 },
  ];
}

/** The groups as the optimiser kernels read them. */
export interface GroupTables {
  /** One row of four settings a group: learning-rate factor, weight decay, momentum or beta1, beta2. */
  readonly settings: Float32Array<ArrayBuffer>;
  /** The group of each block of parameters. */
  readonly blocks: Uint32Array<ArrayBuffer>;
  readonly groups: number;
}

/**
 * Sorts a state's parameters into groups; those that no group takes form the last one.
 *
 * @throws ShapeError for a setting that is no finite number of its range.
 */
export function groupTables(
  layout: StateLayout,
  groups: readonly ParameterGroup[],
  defaults: GroupDefaults,
): GroupTables {
  const all: ParameterGroup[] = [...groups, { parameters: () => true }];
  const settings = all.flatMap((group, index) => groupSettings(group, defaults, index));
  const blocks = new Uint32Array(layout.trainedCount / parameterBlock);
  for (const entry of layout.trained) {
    const group = all.findIndex(({ parameters }) => parameters(entry));
    const first = entry.offset / parameterBlock;
    blocks.fill(group, first, first + Math.ceil(entry.count / parameterBlock));
  }
  return { settings: Float32Array.from(settings), blocks, groups: all.length };
}

function groupSettings(group: ParameterGroup, defaults: GroupDefaults, index: number): number[] {
  const { learningRateFactor = 1, weightDecay, momentum } = { ...defaults, ...group };
  const check = (name: string, value: number, below: number): number => {
    if (value >= 0 && value < below) return value;
    const expected = `a number from 0 to below ${below}`;
    throw new ShapeError({ operation: 'optimiser', parameter: `groups[${index}].${name}`, expected, got: `${value}` });
  };
  return [
    check('learningRateFactor', learningRateFactor, Number.POSITIVE_INFINITY),
    check('weightDecay', weightDecay, Number.POSITIVE_INFINITY),
    check('momentum', momentum, 1),
    defaults.beta2,
  ];
}
