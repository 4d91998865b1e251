import { type BufferDescription, createBuffer, destroyBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import { createTexture, destroyTexture } from '../device/textures.js';
import { ICError, ShapeError } from '../errors.js';
import { chooseByRule } from '../ops/choose.js';
import type { ChooseForm, Form } from '../ops/forms.js';
import { type BoundPlan, type BufferRange, bindPlan, type CompiledPlan, compilePlan } from '../ops/plan.js';
import type { DeviceTraits } from '../ops/traits.js';
import type { BackgroundTuner, TunerSeat } from '../tune/background.js';
import type { TuningStore } from '../tune/store.js';
import type { TuneOptions } from '../tune/tune.js';
import type { Adopting, Adoption } from './adoption.js';
import type { MemoryPlan } from './memory.js';
import { type NetworkOperation, planArena, planTextures, type TexturePlan } from './operations.js';

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

/** Operations joined with memory: ready to be encoded any number of times. */
export interface BoundOperations {
  readonly dispatches: number;
  readonly arenaBytes: number;
  /** Dispatches of the operations that go by a name. */
  dispatchesOf(operation: string): number;
  /** Where a tensor lies. */
  range(tensor: string): BufferRange;
  /** Encodes all operations but those that go by the name `without`. */
  encode(pass: GPUComputePassEncoder, without?: string): void;
  /** Encodes what is made of constant operands, once they have changed. */
  prepare(pass: GPUComputePassEncoder): void;
  /**
   * Compiles others to take the place of these. They use the same memory, and more beside it where it does not do; what is kept
   * lies where it lay.
   *
   * @throws as {@link bindOperations}
   */
  replacement(operations: readonly NetworkOperation[]): Promise<Replacement>;
  dispose(): void;
}

/** Operations that can take the place of others, at once. */
export interface Replacement {
  /** Puts them there. */
  take(): void;
  /** Frees them: they are not wanted. */
  drop(): void;
}

/**
 * How the options want forms chosen; measures where they say so.
 *
 * @throws DeviceLostError; the signal's reason when aborted; what the planner throws.
 */
export async function chooserFor(
  device: GPUDevice,
  planner: (traits: DeviceTraits) => unknown,
  { choose, tune: wanted = false, tuning, signal }: CompileOptions,
): Promise<ChooseForm | undefined> {
  if (choose) return choose;
  if (isTuner(wanted) || (wanted === false && !tuning)) return undefined;
  // Loaded where it is asked for: it is as large as everything else here.
  const { rememberedChoice, tune } = await import('../tune/tune.js');
  if (wanted === false) return tuning && rememberedChoice(device, tuning);
  const options = wanted === true ? {} : wanted;
  return tune(device, planner, { ...options, ...(tuning && { store: tuning }), ...(signal && { signal }) });
}

function isTuner(tune: CompileOptions['tune']): tune is BackgroundTuner {
  return typeof tune === 'object' && 'open' in tune;
}

/** The tuner that the options name. */
export function tunerOf({ choose, tune }: CompileOptions): BackgroundTuner | undefined {
  return !choose && isTuner(tune) ? tune : undefined;
}

/**
 * A place at the tuner that the options name.
 *
 * @throws ShapeError for a tuner of another device.
 */
export function seatOf(device: GPUDevice, options: CompileOptions): TunerSeat | undefined {
  const tuner = tunerOf(options);
  if (tuner && tuner.device !== device) {
    const expected = 'a tuner of the device of the state';
    throw new ShapeError({ operation: 'compile', parameter: 'tune', expected, got: 'one of another device' });
  }
  return tuner?.open();
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

/** Begins with the taking of forms, which is loaded where it is asked for. */
export async function adopting(seat: TunerSeat, user: Adopting): Promise<Adoption> {
  const { adopt } = await import('./adoption.js');
  return adopt(seat, user);
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

/** Operations with all that they are bound to. */
interface Binding {
  readonly operations: readonly NetworkOperation[];
  readonly bound: readonly BoundPlan[];
  readonly arena: readonly GPUBuffer[];
  readonly memory: MemoryPlan;
  readonly textures: TexturePlan;
  /** Those that it does not share with another one. */
  readonly own: Memory;
}

interface Memory {
  readonly buffers: readonly GPUBuffer[];
  readonly textures: readonly GPUTexture[];
}

/**
 * Compiles operations in parallel and gives them one arena.
 *
 * @param external - tensors that have buffers of their own
 * @param kept - tensors that must outlive the last operation
 * @throws LimitError where the device cannot hold the arena or a tensor; the signal's reason when aborted.
 */
export async function bindOperations(
  device: GPUDevice,
  operations: readonly NetworkOperation[],
  external: ReadonlyMap<string, BufferRange>,
  kept: readonly string[],
  options: CompileOptions = {},
): Promise<BoundOperations> {
  const bind = async (wanted: readonly NetworkOperation[], progress: CompileOptions, before?: Binding) =>
    bindCompiled(device, await compileOperations(device, wanted, progress), external, kept, before);
  const first = await bind(operations, options);
  let current = first;
  const free = (memory: Partial<Memory>): void => freeMemory(device, memory);
  /** All but what others may share. */
  const freeCurrent = (): void => free(current === first ? { textures: first.own.textures } : current.own);
  const sum = (ofOperation: (name: string) => boolean): number =>
    current.bound.reduce(
      (dispatches, one, index) => dispatches + (ofOperation(nameOf(current, index)) ? one.dispatches : 0),
      0,
    );
  return {
    get dispatches() {
      return sum(() => true);
    },
    get arenaBytes() {
      return current.memory.arenaBytes + current.textures.bytes;
    },
    dispatchesOf: (name) => sum((other) => other === name),
    range: (tensor) => external.get(tensor) ?? placeIn(current, tensor),
    encode(pass, without) {
      current.bound.forEach((operation, index) => {
        if (without === undefined || nameOf(current, index) !== without) operation.encode(pass);
      });
    },
    prepare(pass) {
      for (const operation of current.bound) operation.prepare(pass);
    },
    async replacement(wanted) {
      const next = await bind(wanted, {}, first);
      return {
        take() {
          freeCurrent();
          current = next;
        },
        drop: () => free(next.own),
      };
    },
    dispose() {
      freeCurrent();
      free({ buffers: first.own.buffers });
    },
  };
}

function freeMemory(device: GPUDevice, { buffers = [], textures = [] }: Partial<Memory>): void {
  for (const buffer of buffers) destroyBuffer(device, buffer);
  for (const texture of textures) destroyTexture(device, texture);
}

function nameOf({ operations }: Binding, index: number): string {
  return operations[index]!.plan.operation;
}

function placeIn({ memory, arena }: Pick<Binding, 'memory' | 'arena'>, tensor: string, size?: number): BufferRange {
  const { buffer: index, offset } = memory.places.get(tensor)!;
  const buffer = arena[index]!;
  return { buffer, offset, size: size ?? buffer.size - offset };
}

/** A compiled operation of a network. */
interface CompiledOperation extends NetworkOperation {
  readonly compiled: CompiledPlan;
}

async function compileOperations(
  device: GPUDevice,
  operations: readonly NetworkOperation[],
  { onProgress, signal }: CompileOptions,
): Promise<CompiledOperation[]> {
  signal?.throwIfAborted();
  let done = 0;
  return Promise.all(
    operations.map(async (operation) => {
      const compiled = await compilePlan(device, operation.plan).catch((error: unknown) => {
        throw error instanceof ICError ? error.at(operation.layer) : error;
      });
      signal?.throwIfAborted();
      onProgress?.({ compiled: ++done, total: operations.length });
      return { ...operation, compiled };
    }),
  );
}

/** Gives operations their memory, or that of what was there before them. */
async function bindCompiled(
  device: GPUDevice,
  operations: readonly CompiledOperation[],
  external: ReadonlyMap<string, BufferRange>,
  kept: readonly string[],
  before?: Binding,
): Promise<Binding> {
  const alignment = Math.max(device.limits.minStorageBufferOffsetAlignment, 16);
  const isExternal = (id: string): boolean => external.has(id);
  const given = before && {
    buffers: before.memory.buffers,
    places: new Map(kept.filter((id) => !isExternal(id)).map((id) => [id, before.memory.places.get(id)!])),
  };
  const memory = planArena(operations, isExternal, kept, alignment, device.limits.maxBufferSize, given);
  const shared = before?.arena ?? [];
  const descriptions = memory.buffers.map((size, index) => ({
    label: `arena ${index}`,
    size,
    usage: 0x80 | 0x04 | 0x08,
  }));
  const buffers = await createBuffers(device, descriptions.slice(shared.length));
  const arena = [...shared, ...buffers];
  const textures = planTextures(operations);
  const made: GPUTexture[] = [];
  const bind = ({ plan, tensors, compiled }: CompiledOperation, index: number): BoundPlan => {
    const ranges = Object.entries(plan.operands).map(([name, { bytes }]) => {
      const tensor = tensors[name]!;
      return [name, external.get(tensor) ?? placeIn({ memory, arena }, tensor, bytes)];
    });
    const ownTextures = Object.entries(textures.places[index]!).map(([name, place]) => [name, made[place]!]);
    return bindPlan(compiled, Object.fromEntries([...ranges, ...ownTextures]));
  };
  try {
    const bound = await guard(device, 'compile', () => {
      textures.textures.forEach((texture, index) => {
        made.push(createTexture(device, { label: `texture ${index}`, ...texture }));
      });
      return operations.map(bind);
    });
    return { operations, bound, arena, memory, textures, own: { buffers, textures: made } };
  } catch (error) {
    freeMemory(device, { buffers, textures: made });
    throw error;
  }
}
