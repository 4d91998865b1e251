import { destroyBuffer, writeBuffer } from '../device/buffers.js';
import { lifetime } from '../device/lifetime.js';
import { ShapeError } from '../errors.js';
import { createBuffers } from '../graph/compile.js';
import type { NetworkState } from '../graph/state.js';
import { stepStateBytes } from '../ops/loss.js';
import { type FlatPart, flatParts, gradientsPart, planAdamW, planGradientClip, planSgd } from '../ops/optimisers.js';
import { parameterBlock } from '../ops/parameterBlock.js';
import {
  type BoundPlan,
  type BufferRange,
  bindPlan,
  type CompiledPlan,
  compilePlan,
  type OperationPlan,
  tensorBytes,
} from '../ops/plan.js';
import { defaultGroups, groupTables, type ParameterGroup } from './parameterGroups.js';

interface CommonOptions {
  /** The peak that the schedule works on. */
  readonly learningRate: number;
  /** Added to the gradient (SGD), or taken from the weight beside it (AdamW); 0 where left out. */
  readonly weightDecay?: number;
  /** {@link defaultGroups} where left out. */
  readonly groups?: readonly ParameterGroup[];
  /** Scales the gradients down so that their global norm is at most this. */
  readonly clipNorm?: number;
}

/** Stochastic gradient descent with momentum, as PyTorch's. */
export interface SgdOptions extends CommonOptions {
  /** Says which optimiser it is. */
  readonly kind: 'sgd';
  /** 0.9 where left out. */
  readonly momentum?: number;
  /** Whether momentum looks ahead, as PyTorch's; default false. */
  readonly nesterov?: boolean;
}

/** AdamW (Loshchilov and Hutter, arXiv 1711.05101). */
export interface AdamWOptions extends CommonOptions {
  /** Says which optimiser it is. */
  readonly kind: 'adamW';
  /** 0.9, 0.999 and 1e-8 where left out. */
  readonly beta1?: number;
  /** Of the second moment. */
  readonly beta2?: number;
  /** Added to its root. */
  readonly epsilon?: number;
}

/** Any optimiser, told apart by `kind`. */
export type OptimiserOptions = SgdOptions | AdamWOptions;

/** An optimiser compiled for one state and its gradients. */
export interface Optimiser {
  /** What it carries from step to step, by name, laid out as the state's `trained`. */
  readonly moments: ReadonlyMap<string, GPUBuffer>;
  /** Factor and global norm of the last clipping, where there is one. */
  readonly clipping?: GPUBuffer;
  /** Dispatches of one step: the check and the update. */
  readonly dispatches: number;
  /** The bytes of the step's uniform. */
  stepState(step: number, learningRate: number): ArrayBuffer;
  /**
   * Clips the gradients, and notes the step in the status where its update would leave a parameter or a moment that is not
   * finite: goes ahead of every update.
   *
   * @throws DisposedError, DeviceLostError
   */
  encodeCheck(pass: GPUComputePassEncoder): void;
  /**
   * Puts one update of all parameters into a compute pass, which does nothing where the status has noted a step.
   *
   * @throws DisposedError, DeviceLostError
   */
  encode(pass: GPUComputePassEncoder): void;
  /** Frees the optimiser's own state. */
  dispose(): void;
}

const storage = 0x80 | 0x04 | 0x08;

/**
 * Compiles an optimiser: two dispatches a step for all parameters, or a few where they are too large for one binding; to clip
 * half as many again, and one.
 *
 * @param shared - buffers of the training: gradients, the step's uniform, the status [2] that stops updates, and in float16 the
 *   loss scale [8], which the gradients are divided by
 * @throws ShapeError for a setting out of its range, LimitError where the device cannot hold the moments, DisposedError,
 *   DeviceLostError.
 */
export async function compileOptimiser(
  state: NetworkState,
  options: OptimiserOptions,
  shared: {
    readonly gradients: GPUBuffer;
    readonly stepState: GPUBuffer;
    readonly status: GPUBuffer;
    readonly lossScale?: GPUBuffer | undefined;
  },
): Promise<Optimiser> {
  const { device, layout } = state;
  state.assertUsable('compile');
  checkOptions(options);
  const adam = options.kind === 'adamW';
  const tables = groupTables(layout, options.groups ?? defaultGroups(), {
    weightDecay: options.weightDecay ?? 0,
    momentum: (adam ? options.beta1 : options.momentum) ?? 0.9,
    beta2: (adam ? options.beta2 : undefined) ?? 0.999,
  });
  const { lossScale } = shared;
  const scaled = lossScale !== undefined;
  const clip = options.clipNorm !== undefined || scaled;
  const update = ({ count }: FlatPart, check: boolean): OperationPlan => {
    const common = { groups: tables.groups, clip, check };
    return adam
      ? planAdamW(count, { ...common, epsilon: options.epsilon ?? 1e-8 })
      : planSgd(count, { ...common, nesterov: options.nesterov ?? false });
  };
  const parts = flatParts(layout.trainedCount, device.limits.maxStorageBufferBindingSize);
  const compile = (check: boolean) => Promise.all(parts.map((part) => compilePlan(device, update(part, check))));
  const [checks, updates] = await Promise.all([compile(true), compile(false)]);
  const counts = parts.map(({ count }) => count);
  const clipPlan = options.clipNorm === undefined ? undefined : planGradientClip(counts, options.clipNorm, { scaled });
  const clipper = clipPlan && (await compilePlan(device, clipPlan));

  const momentNames = adam ? ['means', 'squares'] : ['velocities'];
  const sizes = {
    ...Object.fromEntries(momentNames.map((name) => [name, state.trained.size])),
    groups: tables.blocks.byteLength,
    settings: tables.settings.byteLength,
    ...(clipPlan && { clipping: clipPlan.operands.clipping!.bytes, partials: clipPlan.operands.partials!.bytes }),
  };
  const descriptions = Object.entries(sizes).map(([label, size]) => ({ label, size, usage: storage }));
  const own = new Map((await createBuffers(device, descriptions)).map((buffer) => [buffer.label, buffer]));
  const whole = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
  const ranges: Record<string, BufferRange> = {
    // Without a bound the factor is that of the loss scale alone, which is its first value.
    ...(scaled && { clipping: whole(lossScale), lossScale: whole(lossScale) }),
    ...Object.fromEntries(Array.from(own, ([name, buffer]) => [name, whole(buffer)])),
  };
  const rangesOf = (part: FlatPart): Record<string, BufferRange> => ({
    ...ranges,
    stepState: whole(shared.stepState),
    status: whole(shared.status),
    parameters: flatRange(state.trained, part),
    gradients: flatRange(shared.gradients, part),
    groups: flatRange(own.get('groups')!, part, parameterBlock),
    ...Object.fromEntries(momentNames.map((name) => [name, flatRange(own.get(name)!, part)])),
  });
  const bind = (plan: CompiledPlan, index: number): BoundPlan => bindPlan(plan, rangesOf(parts[index]!));
  const [checking, updating] = [checks.map(bind), updates.map(bind)];
  if (clipper) {
    const gradients = parts.map((part, index) => [gradientsPart(index), flatRange(shared.gradients, part)]);
    checking.unshift(bindPlan(clipper, { ...ranges, ...Object.fromEntries(gradients) }));
  }
  writeBuffer(device, own.get('groups')!, tables.blocks);
  writeBuffer(device, own.get('settings')!, tables.settings);
  const free = (): void => {
    for (const buffer of own.values()) destroyBuffer(device, buffer);
  };
  const life = lifetime(device, 'optimiser', free, state);

  const clipping = own.get('clipping');
  return {
    moments: new Map(momentNames.map((name) => [name, own.get(name)!])),
    ...(clipping && { clipping }),
    dispatches: [...checking, ...updating].reduce((sum, { dispatches }) => sum + dispatches, 0),
    stepState(step, learningRate) {
      const data = new ArrayBuffer(stepStateBytes);
      const [beta1, beta2] = adam ? [options.beta1 ?? 0.9, options.beta2 ?? 0.999] : [0, 0];
      new Uint32Array(data)[0] = step;
      new Float32Array(data).set([learningRate, 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)], 1);
      return data;
    },
    encodeCheck(pass) {
      life.assertUsable('encode');
      for (const plan of checking) plan.encode(pass);
    },
    encode(pass) {
      life.assertUsable('encode');
      for (const plan of updating) plan.encode(pass);
      state.unsubmitted = true;
    },
    dispose: life.dispose,
  };
}

/** A part of a flat buffer that holds one value for every so many parameters. */
function flatRange(buffer: GPUBuffer, { first, count }: FlatPart, parametersEach = 1): BufferRange {
  return { buffer, offset: tensorBytes(first / parametersEach), size: tensorBytes(count / parametersEach) };
}

function checkOptions(options: OptimiserOptions): void {
  const refuse = (parameter: string, expected: string, got: unknown): never => {
    throw new ShapeError({ operation: options.kind, parameter, expected, got: String(got) });
  };
  const amount = (parameter: string, value: number): void => {
    if (!(value >= 0 && Number.isFinite(value))) refuse(parameter, 'a non-negative number', value);
  };
  const positive = (parameter: string, value: number): void => {
    if (!(value > 0 && Number.isFinite(value))) refuse(parameter, 'a positive number', value);
  };
  const share = (parameter: string, value: number): void => {
    if (!(value >= 0 && value < 1)) refuse(parameter, 'a number from 0 to below 1', value);
  };
  const { learningRate, weightDecay = 0, clipNorm = 1, groups = [] } = options;
  amount('learningRate', learningRate);
  amount('weightDecay', weightDecay);
  positive('clipNorm', clipNorm);
  if (options.kind === 'sgd') {
    const { momentum = 0.9, nesterov = false } = options;
    share('momentum', momentum);
    if (nesterov && momentum === 0) refuse('momentum', 'above 0 with nesterov', 0);
    return;
  }
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  share('beta1', beta1);
  share('beta2', beta2);
  positive('epsilon', epsilon);
  const own = groups.findIndex(({ momentum }) => momentum !== undefined);
  if (own >= 0) refuse(`groups[${own}].momentum`, 'none, as AdamW has the same betas for all', groups[own]!.momentum);
}
