import { type BufferDescription, createBuffer, destroyBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import { createTexture, destroyTexture } from '../device/textures.js';
import { ICError } from '../errors.js';
import { chooseByRule } from '../ops/choose.js';
import type { ChooseForm, Form } from '../ops/forms.js';
import { type BoundPlan, type BufferRange, bindPlan, compilePlan } from '../ops/plan.js';
import type { DeviceTraits } from '../ops/traits.js';
import type { BackgroundTuner } from '../tune/background.js';
import type { TuningStore } from '../tune/store.js';
import type { TuneOptions } from '../tune/tune.js';
import type { MemoryPlan } from './memory.js';
import { type NetworkOperation, planArena, planTextures } from './operations.js';

/** How far compiling is. */
export interface CompileProgress {
  /** Operations that are done. */
  readonly compiled: number;
  /** Operations in all. */
  readonly total: number;
}

/** How the kernels of a network are chosen and compiled. */
export interface CompileOptions {
  /** Picks the form of every convolution, in place of `tune` and `tuning`; by a cost model where all are left out. */
  readonly choose?: ChooseForm;
  /**
   * Measures the forms of every convolution that is not known yet, and takes the fastest ones. With a tuner of `backgroundTuner` it
   * does so later, while the network is in use; such a tuner has a store of its own. Default false.
   */
  readonly tune?: boolean | Omit<TuneOptions, 'store' | 'signal'> | BackgroundTuner;
  /** Where measured choices are remembered; the choices that it holds are used without `tune`, too. */
  readonly tuning?: TuningStore;
  /** Called as each operation's kernels are compiled. */
  readonly onProgress?: (progress: CompileProgress) => void;
  /** Ends compiling with its reason. */
  readonly signal?: AbortSignal;
}

/** An arena that there is already, and the tensors that keep their place in it. */
export interface Before {
  readonly arena: readonly GPUBuffer[];
  readonly memory: Pick<MemoryPlan, 'buffers' | 'places'>;
}

/** Operations joined with memory: ready to be encoded any number of times. */
export interface BoundOperations {
  readonly dispatches: number;
  readonly arenaBytes: number;
  /** Buffers of the arena, and what lies where in them. */
  readonly arena: readonly GPUBuffer[];
  readonly memory: MemoryPlan;
  /** Dispatches of the operations that go by a name. */
  dispatchesOf(operation: string): number;
  /** Where a tensor lies. */
  range(tensor: string): BufferRange;
  /** Encodes all operations but those that go by the name `without`. */
  encode(pass: GPUComputePassEncoder, without?: string): void;
  /** Encodes what is made of constant operands, once they have changed. */
  prepare(pass: GPUComputePassEncoder): void;
  /** Frees the memory that was made for them. */
  dispose(): void;
}

/**
 * How the options want forms chosen; measures where they say so.
 *
 * @throws DeviceLostError; the signal's reason when aborted; what the planner throws.
 */
export async function chooserFor(
  device: GPUDevice,
  planner: (traits: DeviceTraits) => unknown,
  options: CompileOptions,
): Promise<ChooseForm | undefined> {
  const { choose, tune, tuning } = options;
  if (choose || !(tune || tuning)) return choose;
  // Loaded where it is asked for: it is as large as everything else here.
  return (await import('../tune/tune.js')).chooseAsWanted(device, planner, options);
}

/** The tuner that the options name. */
export function tunerOf({ choose, tune }: CompileOptions): BackgroundTuner | undefined {
  return !choose && typeof tune === 'object' && 'open' in tune ? tune : undefined;
}

/** Forms by the keys of their operations, and a chooser that notes them there. */
export interface NotedForms {
  readonly forms: ReadonlyMap<string, Form>;
  readonly choose: ChooseForm;
}

/** Notes what a chooser chooses. */
export function noteForms(choose: ChooseForm = chooseByRule): NotedForms {
  const forms = new Map<string, Form>();
  return {
    forms,
    choose(request) {
      const form = choose(request);
      const { family, tile, shared = false } = form;
      forms.set(request.key, { family, tile, shared });
      return form;
    },
  };
}

/**
 * Creates buffers: all of them, or none where one cannot be had.
 *
 * @throws LimitError where the device cannot hold them.
 */
export async function createBuffers(
  device: GPUDevice,
  descriptions: readonly BufferDescription[],
): Promise<GPUBuffer[]> {
  const made: GPUBuffer[] = [];
  try {
    await guard(device, 'compile', () => {
      for (const description of descriptions) made.push(createBuffer(device, description));
    });
    return made;
  } catch (error) {
    for (const buffer of made) destroyBuffer(device, buffer);
    throw error;
  }
}

/**
 * Compiles operations in parallel and gives them one arena.
 *
 * @param external - tensors that have buffers of their own
 * @param kept - tensors that must outlive the last operation
 * @param before - memory to use first, which others free
 * @throws LimitError where the device cannot hold the arena or a tensor; the signal's reason when aborted.
 */
export async function bindOperations(
  device: GPUDevice,
  operations: readonly NetworkOperation[],
  external: ReadonlyMap<string, BufferRange>,
  kept: readonly string[],
  options: CompileOptions = {},
  before?: Before,
): Promise<BoundOperations> {
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  let compiled = 0;
  const plans = await Promise.all(
    operations.map(async ({ layer, plan }) => {
      const done = await compilePlan(device, plan).catch((error: unknown) => {
        throw error instanceof ICError ? error.at(layer) : error;
      });
      signal?.throwIfAborted();
      onProgress?.({ compiled: ++compiled, total: operations.length });
      return done;
    }),
  );
  const alignment = Math.max(device.limits.minStorageBufferOffsetAlignment, 16);
  const isExternal = (id: string): boolean => external.has(id);
  const memory = planArena(operations, isExternal, kept, alignment, device.limits.maxBufferSize, before?.memory);
  const shared = before?.arena ?? [];
  const own = await createBuffers(
    device,
    memory.buffers
      .map((size, index) => ({ label: `arena ${index}`, size, usage: 0x80 | 0x04 | 0x08 }))
      .slice(shared.length),
  );
  const arena = [...shared, ...own];

  const textures = planTextures(operations);
  const made: GPUTexture[] = [];
  const free = (): void => {
    for (const buffer of own) destroyBuffer(device, buffer);
    for (const texture of made) destroyTexture(device, texture);
  };
  const range = (id: string, size?: number): BufferRange => {
    const known = external.get(id);
    if (known) return known;
    const place = memory.places.get(id)!;
    const buffer = arena[place.buffer]!;
    return { buffer, offset: place.offset, size: size ?? buffer.size - place.offset };
  };
  const bind = ({ plan, tensors }: NetworkOperation, index: number): BoundPlan => {
    const ranges = Object.entries(plan.operands).map(([name, { bytes }]) => [name, range(tensors[name]!, bytes)]);
    const own = Object.entries(textures.places[index]!).map(([name, place]) => [name, made[place]!]);
    return bindPlan(plans[index]!, Object.fromEntries([...ranges, ...own]));
  };
  let bound: BoundPlan[];
  try {
    bound = await guard(device, 'compile', () => {
      textures.textures.forEach((texture, index) => {
        made.push(createTexture(device, { label: `texture ${index}`, ...texture }));
      });
      return operations.map(bind);
    });
  } catch (error) {
    free();
    throw error;
  }
  const named = (index: number): string => operations[index]!.plan.operation;
  return {
    dispatches: bound.reduce((sum, { dispatches }) => sum + dispatches, 0),
    arenaBytes: memory.arenaBytes + textures.bytes,
    arena,
    memory,
    dispatchesOf: (name) =>
      bound.reduce((sum, { dispatches }, index) => sum + (named(index) === name ? dispatches : 0), 0),
    range,
    encode(pass, without) {
      bound.forEach((operation, index) => {
        if (without === undefined || named(index) !== without) operation.encode(pass);
      });
    },
    prepare(pass) {
      for (const operation of bound) operation.prepare(pass);
    },
    dispose: free,
  };
}
