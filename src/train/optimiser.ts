import { destroyBuffer } from '../device/buffers.js';
import { ShapeError } from '../errors.js';
import { createBuffers } from '../graph/compile.js';
import type { NetworkState } from '../graph/state.js';
import { stepStateBytes } from '../ops/loss.js';
import { planAdamW, planGradientClip, planSgd } from '../ops/optimisers.js';
import { bindPlan, compilePlan, type OperationPlan } from '../ops/plan.js';
import { defaultGroups, groupTables, type ParameterGroup } from './parameterGroups.js';

interface CommonOptions {
  /** The peak that the schedule works on. */
  readonly learningRate: number;
  readonly weightDecay?: number;
  /** {@link defaultGroups} where left out. */
  readonly groups?: readonly ParameterGroup[];
  /** Scales the gradients down so that their global norm is at most this. */
  readonly clipNorm?: number;
}

export interface SgdOptions extends CommonOptions {
  readonly kind: 'sgd';
  /** 0.9 where left out. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

export interface AdamWOptions extends CommonOptions {
  readonly kind: 'adamW';
  /** 0.9, 0.999 and 1e-8 where left out. */
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

export type OptimiserOptions = SgdOptions | AdamWOptions;

/** An optimiser compiled for one state and its gradients. */
export interface Optimiser {
  /** What it carries from step to step, by name, laid out as the state's `trained`. */
  readonly moments: ReadonlyMap<string, GPUBuffer>;
  /** Factor and global norm of the last clipping, where there is one. */
  readonly clipping?: GPUBuffer;
  /** Dispatches of one step. */
  readonly dispatches: number;
  /** The bytes of the step's uniform. */
  stepState(step: number, learningRate: number): ArrayBuffer;
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

const storage = 0x80 | 0x04 | 0x08;

/**
 * Compiles an optimiser: one dispatch a step for all parameters, two more to clip.
 *
 * @param shared - buffers of the training: gradients, the step's uniform, and the status that stops updates
 * @throws ShapeError for a setting out of its range, LimitError where the device cannot hold the moments.
 */
export async function compileOptimiser(
  state: NetworkState,
  options: OptimiserOptions,
  shared: { readonly gradients: GPUBuffer; readonly stepState: GPUBuffer; readonly status: GPUBuffer },
): Promise<Optimiser> {
  const { device, layout } = state;
  checkOptions(options);
  const count = layout.trainedCount;
  const adam = options.kind === 'adamW';
  const tables = groupTables(layout, options.groups ?? defaultGroups(), {
    weightDecay: options.weightDecay ?? 0,
    momentum: (adam ? options.beta1 : options.momentum) ?? 0.9,
    beta2: (adam ? options.beta2 : undefined) ?? 0.999,
  });
  const clip = options.clipNorm !== undefined;
  const update = adam
    ? planAdamW(count, { groups: tables.groups, epsilon: options.epsilon ?? 1e-8, clip })
    : planSgd(count, { groups: tables.groups, nesterov: options.nesterov ?? false, clip });
  const plans: OperationPlan[] = clip ? [planGradientClip(count, options.clipNorm), update] : [update];
  const compiled = await Promise.all(plans.map((plan) => compilePlan(device, plan)));

  const given = { parameters: state.trained, ...shared };
  const needed = new Map<string, number>();
  for (const [name, { bytes }] of plans.flatMap(({ operands }) => Object.entries(operands))) {
    if (!Object.hasOwn(given, name)) needed.set(name, bytes);
  }
  const descriptions = Array.from(needed, ([label, size]) => ({ label, size, usage: storage }));
  const own = new Map((await createBuffers(device, descriptions)).map((buffer) => [buffer.label, buffer]));
  const ranges = [...Object.entries(given), ...own].map(([name, buffer]) => [
    name,
    { buffer, offset: 0, size: buffer.size },
  ]);
  const bound = compiled.map((plan) => bindPlan(plan, Object.fromEntries(ranges)));
  device.queue.writeBuffer(own.get('groups')!, 0, tables.blocks);
  device.queue.writeBuffer(own.get('settings')!, 0, tables.settings);

  const momentNames = adam ? ['means', 'squares'] : ['velocities'];
  const clipping = own.get('clipping');
  return {
    moments: new Map(momentNames.map((name) => [name, own.get(name)!])),
    ...(clipping && { clipping }),
    dispatches: bound.reduce((sum, { dispatches }) => sum + dispatches, 0),
    stepState(step, learningRate) {
      const data = new ArrayBuffer(stepStateBytes);
      const [beta1, beta2] = adam ? [options.beta1 ?? 0.9, options.beta2 ?? 0.999] : [0, 0];
      new Uint32Array(data)[0] = step;
      new Float32Array(data).set([learningRate, 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)], 1);
      return data;
    },
    encode(pass) {
      for (const plan of bound) plan.encode(pass);
      state.version++;
    },
    dispose() {
      for (const buffer of own.values()) destroyBuffer(device, buffer);
    },
  };
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
