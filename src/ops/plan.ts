import gridText from '../../kernels/shared/grid.wgsl?raw';
import { checkBinding, checkWorkgroups } from '../device/limits.js';
import { ShapeError } from '../errors.js';
import type { Constants, KernelSource } from '../wgsl/assemble.js';
import { type KernelPipeline, kernelPipeline } from '../wgsl/pipeline.js';

/** A piece of a GPU buffer, in bytes; the offset is a multiple of the device's minStorageBufferOffsetAlignment. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** What an operation reads, writes or needs as scratch, by name. */
export interface Operand {
  readonly bytes: number;
  /** `prepared` is scratch that the plan's `prepare` steps write and that lasts from run to run. */
  readonly use: 'input' | 'output' | 'inout' | 'scratch' | 'prepared' | 'uniform';
}

/** One dispatch of an operation: a kernel, its constants, and which operand each of its bindings gets. */
export interface KernelStep {
  readonly kernel: KernelSource;
  readonly constants: Constants;
  readonly workgroups: number;
  readonly operands: Readonly<Record<string, string>>;
}

/** An operation for one shape as data: made without a device, compiled by {@link compilePlan}. */
export interface OperationPlan {
  readonly operation: string;
  readonly operands: Readonly<Record<string, Operand>>;
  readonly steps: readonly KernelStep[];
  /** What runs ahead of the first run, and again whenever the constant operands have changed. */
  readonly prepare?: readonly KernelStep[];
}

/** An operation compiled for a device. */
export interface CompiledPlan extends OperationPlan {
  readonly device: GPUDevice;
  readonly pipelines: readonly KernelPipeline[];
  readonly preparePipelines: readonly KernelPipeline[];
}

/** An operation with its buffers: ready to be put into a compute pass any number of times. */
export interface BoundPlan {
  readonly dispatches: number;
  encode(pass: GPUComputePassEncoder): void;
  /** Puts the plan's `prepare` steps into a pass. */
  prepare(pass: GPUComputePassEncoder): void;
}

const float32Bytes = 4;

/** Bytes of a float32 (or uint32) tensor. */
export function tensorBytes(...shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, float32Bytes);
}

/** Rows and length of the grid for a number of workgroups counted along one line. */
export function gridOf(workgroups: number, widest = 65535): [width: number, height: number] {
  const height = Math.ceil(workgroups / widest);
  return [Math.ceil(workgroups / height), height];
}

/** Steps whose operands go by other names. */
export function renameOperands(steps: readonly KernelStep[], names: Readonly<Record<string, string>>): KernelStep[] {
  return steps.map((step) => ({
    ...step,
    operands: Object.fromEntries(Object.entries(step.operands).map(([binding, name]) => [binding, names[name]!])),
  }));
}

/** Workgroups of 64 threads that cover a number of elements. */
export function threadGroups(elements: number): number {
  return Math.ceil(elements / 64);
}

/**
 * Compiles an operation's kernels, in parallel where the implementation does.
 *
 * @throws LimitError where an operand or the grid exceeds the device; UnsupportedError where a kernel does not compile.
 */
export async function compilePlan(device: GPUDevice, plan: OperationPlan): Promise<CompiledPlan> {
  for (const [name, operand] of Object.entries(plan.operands)) {
    checkBinding(device, plan.operation, name, operand.bytes);
  }
  const compileAll = (steps: readonly KernelStep[]) =>
    Promise.all(steps.map((step) => compileStep(device, plan.operation, step)));
  const [pipelines, preparePipelines] = await Promise.all([compileAll(plan.steps), compileAll(plan.prepare ?? [])]);
  return { ...plan, device, pipelines, preparePipelines };
}

/** The kernel of a step with all its shared texts and constants, as it is compiled. */
export function kernelOf(step: KernelStep): { readonly kernel: KernelSource; readonly constants: Constants } {
  const [width] = gridOf(step.workgroups);
  return {
    kernel: { ...step.kernel, shared: [gridText, ...(step.kernel.shared ?? [])] },
    constants: { ...step.constants, WORKGROUPS: step.workgroups, GRID_WIDTH: width },
  };
}

function compileStep(device: GPUDevice, operation: string, step: KernelStep): Promise<KernelPipeline> {
  const [width, height] = gridOf(step.workgroups);
  checkWorkgroups(device, operation, [width, height, 1]);
  const { kernel, constants } = kernelOf(step);
  return kernelPipeline(device, kernel, constants);
}

/**
 * Joins a compiled operation with buffers. Nothing is submitted, read back or destroyed.
 *
 * @throws ShapeError for a buffer that is missing, too small, misaligned or without STORAGE usage, and for two operands of
 * one dispatch that share memory, which WebGPU refuses at submit.
 */
export function bindPlan(plan: CompiledPlan, ranges: Readonly<Record<string, BufferRange>>): BoundPlan {
  for (const [operandName, operand] of Object.entries(plan.operands))
    checkRange(plan, operandName, operand, ranges[operandName]);
  const prepareSteps = plan.prepare ?? [];
  for (const step of [...plan.steps, ...prepareSteps]) checkApart(plan, step, ranges);
  const encode = dispatches(plan, plan.steps, plan.pipelines, ranges);
  return {
    dispatches: plan.steps.length,
    encode,
    prepare: dispatches(plan, prepareSteps, plan.preparePipelines, ranges),
  };
}

function dispatches(
  plan: CompiledPlan,
  steps: readonly KernelStep[],
  pipelines: readonly KernelPipeline[],
  ranges: Readonly<Record<string, BufferRange>>,
): (pass: GPUComputePassEncoder) => void {
  const ready = steps.map((step, index) => ({
    pipeline: pipelines[index]!.pipeline,
    group: bindGroup(plan, pipelines[index]!, step, ranges),
    grid: gridOf(step.workgroups),
  }));
  return (pass) => {
    for (const { pipeline, group, grid } of ready) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...grid);
    }
  };
}

function checkRange(plan: CompiledPlan, parameter: string, operand: Operand, range: BufferRange | undefined): void {
  const fault = range ? rangeFault(plan.device.limits, operand, range) : { expected: 'a buffer range', got: 'none' };
  if (fault) throw new ShapeError({ operation: plan.operation, parameter, ...fault });
}

function rangeFault(
  limits: GPUSupportedLimits,
  operand: Operand,
  { buffer, offset, size }: BufferRange,
): { expected: string; got: string } | undefined {
  const uniform = operand.use === 'uniform';
  const alignment = uniform ? limits.minUniformBufferOffsetAlignment : limits.minStorageBufferOffsetAlignment;
  const usage = uniform ? uniformUsage : storageUsage;
  if (size < operand.bytes) return { expected: `at least ${operand.bytes} bytes`, got: `${size} bytes` };
  if (offset + size > buffer.size) {
    return { expected: `a range inside the buffer of ${buffer.size} bytes`, got: `${offset} + ${size}` };
  }
  if (offset % alignment !== 0) return { expected: `an offset that is a multiple of ${alignment}`, got: `${offset}` };
  if ((buffer.usage & usage) === 0) {
    return { expected: `a buffer with ${uniform ? 'UNIFORM' : 'STORAGE'} usage`, got: `usage ${buffer.usage}` };
  }
  return undefined;
}

function checkApart(plan: CompiledPlan, step: KernelStep, ranges: Readonly<Record<string, BufferRange>>): void {
  const names = Object.values(step.operands).filter((name) => plan.operands[name]!.use !== 'uniform');
  names.forEach((name, index) => {
    const { buffer, offset } = ranges[name]!;
    const end = offset + plan.operands[name]!.bytes;
    const overlapping = names.slice(0, index).find((other) => {
      const range = ranges[other]!;
      return range.buffer === buffer && range.offset < end && offset < range.offset + plan.operands[other]!.bytes;
    });
    if (overlapping === undefined) return;
    throw new ShapeError({
      operation: plan.operation,
      parameter: name,
      expected: `memory apart from ${overlapping}, which the same dispatch binds`,
      got: `bytes ${offset} to ${end} of the same buffer`,
    });
  });
}

const uniformUsage = 0x40;
const storageUsage = 0x80;
const unusedStride = 256;
const unusedBuffers = new WeakMap<GPUDevice, GPUBuffer>();

/** What fills the bindings that a specialised kernel never touches; one small buffer a device. */
function unusedBuffer(device: GPUDevice): GPUBuffer {
  const known = unusedBuffers.get(device);
  if (known) return known;
  const buffer = device.createBuffer({ label: 'unused bindings', size: 16 * unusedStride, usage: storageUsage });
  unusedBuffers.set(device, buffer);
  return buffer;
}

function bindGroup(
  plan: CompiledPlan,
  pipeline: KernelPipeline,
  step: KernelStep,
  ranges: Readonly<Record<string, BufferRange>>,
): GPUBindGroup {
  const entries = pipeline.bindings.map(({ binding, name }) => {
    const operand = step.operands[name];
    if (operand === undefined) {
      const unused = { buffer: unusedBuffer(plan.device), offset: binding * unusedStride, size: unusedStride };
      return { binding, resource: unused };
    }
    const { buffer, offset } = ranges[operand]!;
    return { binding, resource: { buffer, offset, size: plan.operands[operand]!.bytes } };
  });
  return plan.device.createBindGroup({
    label: `${plan.operation}: ${pipeline.label}`,
    layout: pipeline.pipeline.getBindGroupLayout(0),
    entries,
  });
}
