import { type Network, withoutSoftmax } from '../../src/graph/network.js';
import { networkBackward, networkForward, type Parameters } from '../reference/network.js';
import { type SgdOptions, sgdStepReference } from '../reference/optimisers.js';
import { disturbance, roundingBound } from '../support/rounding.js';

/** By layer: positive where the layer's relu passes, that of an IC unit too. */
export type Branches = ReadonlyMap<string, ArrayLike<number>>;

/** What is trained, on what, and how. */
export interface TrainingTask {
  readonly network: Network;
  /** In PyTorch's names and layouts. */
  readonly start: ReadonlyMap<string, Float32Array>;
  /** NHWC. */
  readonly images: Float32Array<ArrayBuffer>;
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Of the labels; 0 without it. */
  readonly smoothing?: number;
  readonly sgd: SgdOptions;
  /** On the same batch each. */
  readonly steps: number;
}

/** A few steps of training. */
export interface TrainingRun {
  /**
   * By names as in the golden files: of the first step `train.logits`, `grad.NAME` and the running statistics
   * `after1.NAME`, and `ranks`, how many classes are ahead of each label; `losses` of every step; after the last of N
   * steps the whole state, `afterN.NAME`.
   */
  readonly values: ReadonlyMap<string, ArrayLike<number>>;
  /** Step by step; in float64 what the relu saw, so that it also says how near the other branch was. */
  readonly branches: readonly Branches[];
}

/**
 * Trains in float64.
 *
 * @param options the branches to take in the backward passes, and the seed of a disturbance, see test/support/rounding.ts
 */
export function trainReference(
  { network, start, images, labels, smoothing = 0, sgd, steps }: TrainingTask,
  { branches, seed }: { readonly branches?: readonly Branches[]; readonly seed?: number } = {},
): TrainingRun {
  const state = new Map([...start].map(([name, value]) => [name, Float64Array.from(value)]));
  const velocities = new Map([...state].map(([name, value]) => [name, new Float64Array(value.length)]));
  const values = new Map<string, ArrayLike<number>>();
  const taken: Branches[] = [];
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const off = seed === undefined ? undefined : disturbance(network, labels.length, true, 100 * seed + step);
    const parameters: Parameters = off ? off.parameters(state) : state;
    const pass = networkForward(withoutSoftmax(network), parameters, images, { training: true });
    const { loss, gradients } = networkBackward(pass, labels, smoothing, {
      ...(branches && { branches: branches[step]! }),
      ...(off && { disturb: off.disturb }),
    });
    losses.push(loss);
    taken.push(new Map([...pass.steps].flatMap(([name, { excess }]) => (excess ? [[name, excess] as const] : []))));
    if (step === 0) {
      values.set('train.logits', pass.logits);
      values.set('ranks', labelRanks(pass.logits, labels));
      for (const [name, gradient] of gradients) values.set(`grad.${name}`, gradient);
      for (const [name, value] of pass.running) values.set(`after1.${name}`, value);
    }
    for (const [name, value] of pass.running) state.get(name)!.set(value);
    for (const [name, gradient] of gradients) sgdStepReference(state.get(name)!, gradient, velocities.get(name)!, sgd);
  }
  values.set('losses', losses);
  for (const [name, value] of state) values.set(`after${steps}.${name}`, value);
  return { values, branches: taken };
}

/** How many classes are ahead of each label; of equal logits the lower class is. */
function labelRanks(logits: Float64Array, labels: Uint32Array): number[] {
  const classes = logits.length / labels.length;
  return [...labels].map((label, n) => {
    const own = logits.subarray(n * classes, (n + 1) * classes);
    return own.filter((value, k) => value > own[label]! || (value === own[label]! && k < label)).length;
  });
}

/** What float64 expects of float32: the run, and how far rounding may take every tensor and every branch from it. */
export interface TrainingExpectation {
  readonly exact: TrainingRun;
  bound(tensor: string): Float64Array;
  /** How far what a relu sees may be off. */
  branchBound(step: number, layer: string): Float64Array;
}

/** Runs a task in float64, and twice disturbed along the branches of the first run. */
export function expectTraining(task: TrainingTask): TrainingExpectation {
  const exact = trainReference(task);
  const disturbed = [1, 2].map((seed) => trainReference(task, { branches: exact.branches, seed }));
  return {
    exact,
    bound: (tensor) =>
      roundingBound(
        exact.values.get(tensor)!,
        disturbed.map(({ values }) => values.get(tensor)!),
      ),
    branchBound: (step, layer) =>
      roundingBound(
        exact.branches[step]!.get(layer)!,
        disturbed.map(({ branches }) => branches[step]!.get(layer)!),
      ),
  };
}

/** A place where a run took another branch than float64. */
export interface Crossing {
  readonly step: number;
  readonly layer: string;
  readonly index: number;
  /** What the relu sees in float64. */
  readonly excess: number;
}

/** Where branches differ from those that a float64 run would take by itself, in layers that show theirs. */
export function crossings(reference: TrainingRun, taken: readonly Branches[]): Crossing[] {
  const found: Crossing[] = [];
  reference.branches.forEach((layers, step) => {
    for (const [layer, excesses] of layers) {
      const other = taken[step]!.get(layer);
      if (other === undefined) continue;
      for (let index = 0; index < excesses.length; index++) {
        const excess = excesses[index]!;
        if (other[index]! > 0 !== excess > 0) found.push({ step, layer, index, excess });
      }
    }
  });
  return found;
}
