import { createBuffer, destroyBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import { lifetime } from '../device/lifetime.js';
import { createTexture, destroyTexture, textureBytes } from '../device/textures.js';
import {
  type BoundPlan,
  type BufferRange,
  bindPlan,
  type CompiledPlan,
  compilePlan,
  type OperationPlan,
  type PlanResources,
  type TextureOperand,
} from './plan.js';

/** An operation on the caller's buffers, with scratch of its own where the caller gave none. */
export interface Operation extends BoundPlan {
  /** Bytes of GPU memory that belong to the operation. */
  readonly scratchBytes: number;
  /** Frees the operation's own scratch and nothing else; a second time does nothing. Encoding is a DisposedError from then on. */
  dispose(): void;
}

/**
 * Plans go into the caller's passes in three steps, of which this does the last two and what the caller would do for scratch:
 * compiles the plan, creates one buffer and textures for the scratch and prepared operands that `resources` leaves out, and binds.
 *
 * @param resources - a buffer or texture for every operand but scratch; the caller's, never destroyed
 * @throws ShapeError as {@link bindPlan}; LimitError where an operand, the grid or the scratch exceeds the device;
 *   UnsupportedError where a kernel does not compile or the device refuses a resource, for example that of another device;
 *   DeviceLostError.
 */
export async function createOperation(
  device: GPUDevice,
  plan: OperationPlan,
  resources: PlanResources,
): Promise<Operation> {
  const compiled = await compilePlan(device, plan);
  const layout = scratchLayout(compiled, resources);
  const textures = ownTextures(plan, resources);
  const made: GPUBuffer[] = [];
  const madeTextures: GPUTexture[] = [];
  const free = (): void => {
    for (const buffer of made) destroyBuffer(device, buffer);
    for (const texture of madeTextures) destroyTexture(device, texture);
  };
  try {
    const bound = await guard(device, plan.operation, () => {
      const own: Record<string, GPUTexture> = {};
      for (const [name, operand] of textures) {
        own[name] = createTexture(device, { label: `${plan.operation}: ${name}`, ...operand });
        madeTextures.push(own[name]);
      }
      if (layout.bytes === 0) return bindPlan(compiled, { ...resources, ...own });
      const label = `${plan.operation}: scratch`;
      const buffer = createBuffer(device, { label, size: layout.bytes, usage: GPUBufferUsage.STORAGE });
      made.push(buffer);
      return bindPlan(compiled, { ...resources, ...own, ...layout.ranges(buffer) });
    });
    const bytes = textures.reduce((sum, [, operand]) => sum + textureBytes(operand), layout.bytes);
    return operationOf(compiled, bound, bytes, free);
  } catch (error) {
    free();
    throw error;
  }
}

function operationOf(
  { operation, device }: CompiledPlan,
  bound: BoundPlan,
  scratchBytes: number,
  free: () => void,
): Operation {
  const life = lifetime(device, 'operation', free);
  const whileAlive = (work: (pass: GPUComputePassEncoder) => void) => (pass: GPUComputePassEncoder) => {
    life.assertUsable(operation);
    work(pass);
  };
  return {
    dispatches: bound.dispatches,
    scratchBytes,
    encode: whileAlive(bound.encode),
    prepare: whileAlive(bound.prepare),
    dispose: life.dispose,
  };
}

/** The textures that are left to the operation. */
export function ownTextures(
  { textures = {} }: OperationPlan,
  resources: PlanResources = {},
): [string, TextureOperand][] {
  return Object.entries(textures).filter(([name, { use }]) => use !== undefined && !resources[name]);
}

/** Where in one buffer the operands lie that the caller left to the operation. */
function scratchLayout({ operands, device }: CompiledPlan, resources: PlanResources) {
  const alignment = device.limits.minStorageBufferOffsetAlignment;
  const places = new Map<string, { readonly offset: number; readonly size: number }>();
  let bytes = 0;
  for (const [name, { use, bytes: size }] of Object.entries(operands)) {
    if (resources[name] || !['scratch', 'prepared'].includes(use)) continue;
    const offset = Math.ceil(bytes / alignment) * alignment;
    places.set(name, { offset, size });
    bytes = offset + size;
  }
  const ranges = (buffer: GPUBuffer): Record<string, BufferRange> =>
    Object.fromEntries([...places].map(([name, place]) => [name, { buffer, ...place }]));
  return { bytes, ranges };
}
