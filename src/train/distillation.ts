import { destroyBuffer, writeBuffer } from '../device/buffers.js';
import { ShapeError, UnsupportedError } from '../errors.js';
import { type CompileOptions, createBuffers } from '../graph/compile.js';
import { compileInference } from '../graph/inference.js';
import { elementCount } from '../graph/parameters.js';
import { inferShapes } from '../graph/shapes.js';
import type { NetworkState } from '../graph/state.js';
import { type DistillationLoss, planTableRows } from '../ops/distillation.js';
import { type BoundPlan, type BufferRange, bindPlan, compilePlan, tensorBytes } from '../ops/plan.js';
import { requireInteger } from '../ops/windows.js';

/** How the weight of a distillation moves from its first step to its end, behind which it is 0. */
export type DistillationSchedule =
  | {
      /** The same weight up to the end. */
      readonly kind: 'constant';
    }
  | {
      /** Falls along a line or half a cosine to 0. */
      readonly kind: 'linear' | 'cosine';
    }
  | {
      /** Multiplies the weight by `factor` at each milestone. */
      readonly kind: 'step';
      /** Steps, counted from 0. */
      readonly milestones: readonly number[];
      /** Mostly below 1. */
      readonly factor: number;
    };

/**
 * Weak logit distillation: a trained network, mostly a weaker one, leads at first and lets go later. The loss is the mean
 * cross entropy plus weight(step) times the distance between the logits.
 */
export interface DistillationOptions extends DistillationLoss {
  /** State of the teacher, on the student's device; it is read alone. */
  readonly teacher: NetworkState;
  /** At step 0; a positive number. */
  readonly weight: number;
  /** How the weight falls. */
  readonly schedule: DistillationSchedule;
  /** The first step without the teacher, which does not run from there on. */
  readonly end: number;
  /**
   * Keeps the teacher's logits of every example seen, so that it runs once an example, until its state changes; default false.
   * For batches without augmentation alone, since the logits are those of the image as it is.
   */
  readonly cache?: boolean;
}

/** The weight of a step, counted from 0. */
export function distillationWeightAt(
  { weight, schedule, end }: Pick<DistillationOptions, 'weight' | 'schedule' | 'end'>,
  step: number,
): number {
  if (step >= end) return 0;
  switch (schedule.kind) {
    case 'constant':
      return weight;
    case 'linear':
      return weight * (1 - step / end);
    case 'cosine':
      return (weight * (1 + Math.cos((Math.PI * step) / end))) / 2;
    case 'step':
      return weight * schedule.factor ** schedule.milestones.filter((milestone) => step >= milestone).length;
  }
}

/**
 * Refuses a distillation that means nothing, or whose teacher does not fit the student.
 *
 * @throws ShapeError; UnsupportedError for a cache with augmentation.
 */
export function checkDistillation(
  student: NetworkState,
  options: DistillationOptions,
  augmentation: { readonly padding?: number; readonly flip?: boolean } = {},
): void {
  const operation = 'distillation';
  const refuse = (parameter: string, expected: string, got: unknown): never => {
    throw new ShapeError({ operation, parameter, expected, got: String(got) });
  };
  const { teacher, weight, end, schedule, cache = false } = options;
  if (!(weight > 0 && Number.isFinite(weight))) refuse('weight', 'a positive number', weight);
  requireInteger(end, 1, 'end', { operation, prefix: '' });
  if (!['constant', 'linear', 'cosine', 'step'].includes(schedule.kind)) {
    refuse('schedule', 'constant, linear, cosine or step', schedule.kind);
  }
  if (schedule.kind === 'step') {
    const { factor, milestones } = schedule;
    if (!(factor > 0 && Number.isFinite(factor))) refuse('factor', 'a positive number', factor);
    for (const milestone of milestones) requireInteger(milestone, 0, 'milestones', { operation, prefix: '' });
  }
  if (teacher === student) refuse('teacher', 'a state of its own', "the student's");
  if (teacher.device !== student.device) refuse('teacher', "a state on the student's device", 'one on another device');
  const [needed, given] = [signature(student), signature(teacher)];
  if (given !== needed) refuse('teacher', `${needed}, as the student`, given);
  if (cache && (augmentation.flip || (augmentation.padding ?? 0) > 0)) {
    throw new UnsupportedError({
      operation,
      parameter: 'cache',
      expected: 'batches without augmentation, whose logits are those of the image as it is',
      got: `padding ${augmentation.padding ?? 0}${augmentation.flip ? ' and flips' : ''}`,
    });
  }
}

/** Input and number of classes in words. */
function signature({ network }: NetworkState): string {
  const { height, width, channels } = network.input;
  return `images of ${height} x ${width} x ${channels} and ${classesOf(network)} classes`;
}

function classesOf(network: NetworkState['network']): number {
  return elementCount(inferShapes(network, 1).get(network.layers.at(-1)!.name)!);
}

/** A teacher compiled for batches of one size. */
export interface Teacher {
  /** Where it reads the images of a batch. */
  readonly input: BufferRange;
  /** Where it leaves their logits. */
  readonly logits: BufferRange;
  /** Dispatches of a batch that it does not know yet. */
  readonly dispatches: number;
  /** Announces the batch that is encoded next: which of the data set's examples it is made of. */
  announce(examples: Uint32Array<ArrayBuffer>): void;
  /** Encodes what leaves the batch's logits in their place: the teacher, or what is remembered of it. */
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

/**
 * Compiles a teacher for inference.
 *
 * @param examples - of the data set, which the cache has a place for
 * @throws LimitError, UnsupportedError; the signal's reason when aborted.
 */
export async function compileTeacher(
  { teacher, cache = false }: DistillationOptions,
  examples: number,
  options: CompileOptions & { readonly batch: number },
): Promise<Teacher> {
  const always = { precision: 'float32', logits: true, onProgress: () => {} } as const;
  const inference = await compileInference(teacher, { ...options, ...always });
  const { input, output, dispatches } = inference;
  const plain: Teacher = {
    input,
    logits: output,
    dispatches,
    announce() {},
    encode: inference.encode,
    dispose: inference.dispose,
  };
  if (!cache) return plain;
  try {
    const memory = await compileMemory(teacher, output, { entries: examples, rows: options.batch });
    return withMemory(plain, memory, teacher, examples);
  } catch (error) {
    inference.dispose();
    throw error;
  }
}

function withMemory(teacher: Teacher, memory: LogitMemory, state: NetworkState, examples: number): Teacher {
  const known = new Uint8Array(examples);
  let { version } = state;
  let remembered = false;
  return {
    ...teacher,
    dispatches: teacher.dispatches + memory.store.dispatches,
    announce(batch) {
      memory.setIndices(batch);
      // What is remembered are the logits of the state as it was.
      if (state.unsubmitted || version !== state.version) known.fill(0);
      version = state.version;
      remembered = batch.every((example) => known[example] === 1);
      for (const example of batch) known[example] = 1;
    },
    encode(pass) {
      if (remembered) {
        memory.load.encode(pass);
        return;
      }
      teacher.encode(pass);
      memory.store.encode(pass);
    },
    dispose() {
      teacher.dispose();
      memory.dispose();
    },
  };
}

/** The logits of every example, on the GPU. */
interface LogitMemory {
  readonly store: BoundPlan;
  readonly load: BoundPlan;
  setIndices(examples: Uint32Array<ArrayBuffer>): void;
  dispose(): void;
}

async function compileMemory(
  { device, network }: NetworkState,
  logits: BufferRange,
  size: { readonly entries: number; readonly rows: number },
): Promise<LogitMemory> {
  const shape = { ...size, columns: classesOf(network) };
  const directions = ['store', 'load'] as const;
  const plans = await Promise.all(directions.map((direction) => compilePlan(device, planTableRows(shape, direction))));
  const buffers = await createBuffers(device, [
    { label: 'teacher logits', size: tensorBytes(shape.entries, shape.columns), usage: 0x80 },
    { label: 'examples', size: tensorBytes(shape.rows), usage: 0x80 | 0x08 },
  ]);
  const [table, indices] = buffers as [GPUBuffer, GPUBuffer];
  const whole = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
  const [store, load] = plans.map((plan) =>
    bindPlan(plan, { table: whole(table), rows: logits, indices: whole(indices) }),
  ) as [BoundPlan, BoundPlan];
  return {
    store,
    load,
    setIndices: (examples) => writeBuffer(device, indices, examples),
    dispose() {
      for (const buffer of buffers) destroyBuffer(device, buffer);
    },
  };
}
