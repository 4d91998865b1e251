import gridText from '../../kernels/shared/grid.wgsl?raw';
import { checkBinding, checkWorkgroups } from '../device/limits.js';
import { ShapeError } from '../errors.js';
import type { Constants } from '../wgsl/constants.js';
import type { KernelSource } from '../wgsl/kernelSource.js';
import { type KernelPipeline, kernelPipeline } from '../wgsl/pipeline.js';
import { variablesBuffer } from '../wgsl/variables.js';
import { checkPrecision, type Precision } from './precision.js';

/** A piece of a GPU buffer, in bytes; the offset is a multiple of the device's minStorageBufferOffsetAlignment. */
export interface BufferRange {
  /** With usage `STORAGE`. */
  readonly buffer: GPUBuffer;
  /** First byte, a multiple of `minStorageBufferOffsetAlignment`. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** A buffer, or a piece of one: up to its end where `size` is left out, from its start where `offset` is. */
export type BufferResource =
  | GPUBuffer
  | {
      /** With usage `STORAGE`, or `UNIFORM` for a uniform. */
      readonly buffer: GPUBuffer;
      /** First byte, a multiple of the device's `minStorageBufferOffsetAlignment`; 0 where left out. */
      readonly offset?: number | undefined;
      /** Bytes, at least the operand's; up to the buffer's end where left out. */
      readonly size?: number | undefined;
    };

/** What an operand is bound to: a buffer, or for the operands of {@link OperationPlan.textures} a texture. */
export type PlanResource = BufferResource | GPUTexture | GPUTextureView | GPUExternalTexture;

/** What the operands of a plan are bound to, by name. */
export type PlanResources = Readonly<Record<string, PlanResource | undefined>>;

/** What an operation reads, writes or needs as scratch, by name. */
export interface Operand {
  /** That it has at least. */
  readonly bytes: number;
  /** `prepared` is scratch that the plan's `prepare` steps write and that lasts from run to run. */
  readonly use: 'input' | 'output' | 'inout' | 'scratch' | 'prepared' | 'uniform';
  /** As what its elements lie there: float32, or words of another kind, where left out. */
  readonly precision?: Precision;
  /** Whether its size and layout are the chosen form's, so that other forms leave something else there. */
  readonly ofForm?: boolean;
}

/** A texture that an operation reads or writes. */
export interface TextureOperand {
  /** Sampled, external, or written to. */
  readonly kind: 'texture' | 'externalTexture' | 'storageTexture';
  /** Pixels that it must have at least. */
  readonly width: number;
  /** In pixels, at least. */
  readonly height: number;
  /** Of a storage texture. */
  readonly format?: 'rgba8unorm' | 'rgba32float';
  /** As of an {@link Operand}: memory that the plan needs for itself. The caller's texture where left out. */
  readonly use?: 'scratch' | 'prepared';
}

/** One dispatch of an operation: a kernel, its constants, and which operand each of its bindings gets. */
export interface KernelStep {
  /** What runs. */
  readonly kernel: KernelSource;
  /** What is put ahead of its text. */
  readonly constants: Constants;
  /** In all; the grid lays them out along two axes. */
  readonly workgroups: number;
  /** The plan's operand for each binding, by the binding's name. */
  readonly operands: Readonly<Record<string, string>>;
}

/** An operation for one shape as data: made without a device, compiled by {@link compilePlan}. */
export interface OperationPlan {
  /** For messages. */
  readonly operation: string;
  /** Buffers, by name. */
  readonly operands: Readonly<Record<string, Operand>>;
  /** Operands that are textures, by names that differ from those of {@link operands}. */
  readonly textures?: Readonly<Record<string, TextureOperand>>;
  /** Dispatches, one behind the other. */
  readonly steps: readonly KernelStep[];
  /** What runs ahead of the first run, and again whenever the constant operands have changed. */
  readonly prepare?: readonly KernelStep[];
}

/** An operation compiled for a device. */
export interface CompiledPlan extends OperationPlan {
  /** What it is compiled for. */
  readonly device: GPUDevice;
  /** One for each of `steps`. */
  readonly pipelines: readonly KernelPipeline[];
  /** One for each of `prepare`. */
  readonly preparePipelines: readonly KernelPipeline[];
}

/** An operation with its buffers: ready to be put into a compute pass any number of times. */
export interface BoundPlan {
  /** Of one run, without `prepare`. */
  readonly dispatches: number;
  /**
   * Puts the dispatches into a compute pass, whose pipeline and bind group 0 they leave set.
   */
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
    operands: Object.fromEntries(
      Object.entries(step.operands).map(([binding, name]) => [binding, names[name] ?? name]),
    ),
  }));
}

/** Workgroups of 64 threads that cover a number of elements. */
export function threadGroups(elements: number): number {
  return Math.ceil(elements / 64);
}

/**
 * Compiles an operation's kernels, in parallel where the implementation does.
 *
 * @throws LimitError where an operand or the grid exceeds the device; UnsupportedError where a kernel does not compile, or an
 * operand is float16 and the device without `shader-f16`.
 */
export async function compilePlan(device: GPUDevice, plan: OperationPlan): Promise<CompiledPlan> {
  for (const [name, operand] of Object.entries(plan.operands)) {
    checkPrecision(device, plan.operation, operand.precision);
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
  const { shared = [], variables } = step.kernel;
  const grid = { WORKGROUPS: step.workgroups, GRID_WIDTH: width };
  return {
    kernel: {
      ...step.kernel,
      shared: [gridText, ...shared],
      ...(variables && { variables: [...variables, ...Object.keys(grid)] }),
    },
    constants: { ...step.constants, ...grid },
  };
}

function compileStep(device: GPUDevice, operation: string, step: KernelStep): Promise<KernelPipeline> {
  const [width, height] = gridOf(step.workgroups);
  checkWorkgroups(device, operation, [width, height, 1]);
  const { kernel, constants } = kernelOf(step);
  return kernelPipeline(device, kernel, constants);
}

/**
 * Joins a compiled operation with buffers and textures. Nothing is submitted, read back or destroyed, and no error scope is
 * opened. An external texture and the texture of a canvas last until their task ends: bind anew for every frame.
 *
 * @param resources - one for every operand, scratch included ({@link createOperation} makes scratch of its own)
 * @throws ShapeError for a buffer that is missing, too small, misaligned or without STORAGE usage, for a texture that is
 * missing, too small, of another format or without the usage, and for two operands of one dispatch that share memory, which
 * WebGPU refuses at submit.
 */
export function bindPlan(plan: CompiledPlan, resources: PlanResources): BoundPlan {
  const bound: BoundResources = { ranges: bufferRanges(plan, resources), textures: textureResources(plan, resources) };
  const prepareSteps = plan.prepare ?? [];
  for (const step of [...plan.steps, ...prepareSteps]) checkApart(plan, step, bound);
  return {
    dispatches: plan.steps.length,
    encode: dispatches(plan, plan.steps, plan.pipelines, bound),
    prepare: dispatches(plan, prepareSteps, plan.preparePipelines, bound),
  };
}

/** Checked resources by operand. */
interface BoundResources {
  readonly ranges: Readonly<Record<string, BufferRange>>;
  readonly textures: Readonly<Record<string, GPUTextureView | GPUExternalTexture>>;
}

function dispatches(
  plan: CompiledPlan,
  steps: readonly KernelStep[],
  pipelines: readonly KernelPipeline[],
  bound: BoundResources,
): (pass: GPUComputePassEncoder) => void {
  const ready = steps.map((step, index) => ({
    pipeline: pipelines[index]!.pipeline,
    group: bindGroup(plan, pipelines[index]!, step, bound),
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

function bufferRanges(plan: CompiledPlan, resources: PlanResources): Record<string, BufferRange> {
  const ranges: Record<string, BufferRange> = {};
  for (const [parameter, operand] of Object.entries(plan.operands)) {
    const range = rangeOf(resources[parameter]);
    const fault = range ? rangeFault(plan.device.limits, operand, range) : { expected: 'a buffer range', got: 'none' };
    if (fault) throw new ShapeError({ operation: plan.operation, parameter, ...fault });
    ranges[parameter] = range!;
  }
  return ranges;
}

function rangeOf(resource: PlanResource | undefined): BufferRange | undefined {
  if (!resource) return undefined;
  if ('mapState' in resource) return { buffer: resource, offset: 0, size: resource.size };
  if (!('buffer' in resource)) return undefined;
  const { buffer, offset = 0, size = buffer.size - offset } = resource;
  return { buffer, offset, size };
}

function rangeFault(
  limits: GPUSupportedLimits,
  operand: Operand,
  { buffer, offset, size }: BufferRange,
): { expected: string; got: string } | undefined {
  const uniform = operand.use === 'uniform';
  const alignment = uniform ? limits.minUniformBufferOffsetAlignment : limits.minStorageBufferOffsetAlignment;
  const usage = uniform ? uniformUsage : storageUsage;
  if (!(offset >= 0 && offset % alignment === 0)) {
    return { expected: `an offset that is a multiple of ${alignment}`, got: `${offset}` };
  }
  if (!(size >= operand.bytes)) return { expected: `at least ${operand.bytes} bytes`, got: `${size} bytes` };
  if (offset + size > buffer.size) {
    return { expected: `a range inside the buffer of ${buffer.size} bytes`, got: `${offset} + ${size}` };
  }
  if ((buffer.usage & usage) === 0) {
    return { expected: `a buffer with ${uniform ? 'UNIFORM' : 'STORAGE'} usage`, got: `usage ${buffer.usage}` };
  }
  return undefined;
}

/** Of a texture with mip levels or layers the first one. */
const onePicture: GPUTextureViewDescriptor = { dimension: '2d', mipLevelCount: 1, arrayLayerCount: 1 };

function textureResources(
  plan: CompiledPlan,
  resources: PlanResources,
): Record<string, GPUTextureView | GPUExternalTexture> {
  const textures: Record<string, GPUTextureView | GPUExternalTexture> = {};
  for (const [parameter, operand] of Object.entries(plan.textures ?? {})) {
    const resource = resources[parameter];
    const fault = textureFault(operand, resource);
    if (fault) throw new ShapeError({ operation: plan.operation, parameter, ...fault });
    textures[parameter] = isTexture(resource) ? resource.createView(onePicture) : (resource as GPUTextureView);
  }
  return textures;
}

function textureFault(
  { kind, width, height, format }: TextureOperand,
  resource: PlanResource | undefined,
): { expected: string; got: string } | undefined {
  if (!resource || 'mapState' in resource || 'buffer' in resource) {
    return {
      expected: kind === 'externalTexture' ? 'an external texture' : 'a texture',
      got: resource ? 'a buffer' : 'none',
    };
  }
  if (!isTexture(resource)) return undefined;
  if (kind === 'externalTexture') return { expected: 'an external texture', got: `the texture "${resource.label}"` };
  const [name, usage] = kind === 'texture' ? ['TEXTURE_BINDING', 0x04] : (['STORAGE_BINDING', 0x08] as const);
  if ((resource.usage & Number(usage)) === 0) {
    return { expected: `a texture with ${name} usage`, got: `usage ${resource.usage}` };
  }
  if (resource.width < width || resource.height < height) {
    return { expected: `at least ${width} x ${height} pixels`, got: `${resource.width} x ${resource.height}` };
  }
  if (format !== undefined && resource.format !== format)
    return { expected: `the format ${format}`, got: resource.format };
  return undefined;
}

function isTexture(resource: PlanResource | undefined): resource is GPUTexture {
  return resource !== undefined && 'createView' in resource;
}

function checkApart(plan: CompiledPlan, step: KernelStep, { ranges }: BoundResources): void {
  const names = Object.values(step.operands).filter((name) => {
    const operand = plan.operands[name];
    return operand !== undefined && operand.use !== 'uniform';
  });
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
  { ranges, textures }: BoundResources,
): GPUBindGroup {
  const { kernel, constants } = kernelOf(step);
  const resourceOf = (binding: number, name: string): GPUBindingResource => {
    if (name === 'variables') return { buffer: variablesBuffer(plan.device, kernel, constants) };
    const operand = step.operands[name];
    if (operand === undefined) {
      return { buffer: unusedBuffer(plan.device), offset: binding * unusedStride, size: unusedStride };
    }
    if (textures[operand]) return textures[operand];
    const { buffer, offset } = ranges[operand]!;
    return { buffer, offset, size: plan.operands[operand]!.bytes };
  };
  return plan.device.createBindGroup({
    label: `${plan.operation}: ${pipeline.label}`,
    layout: pipeline.pipeline.getBindGroupLayout(0),
    entries: pipeline.bindings.map(({ binding, name }) => ({ binding, resource: resourceOf(binding, name) })),
  });
}
