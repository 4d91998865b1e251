import { UnsupportedError } from '../errors.js';
import { assemble, specialisation } from './assemble.js';
import { type KernelBinding, kernelBindings } from './bindings.js';
import type { Constants } from './constants.js';
import type { KernelSource } from './kernelSource.js';
import { variablesBinding } from './variables.js';

/** A compiled kernel with the buffers and textures it declares. */
export interface KernelPipeline {
  /** Kernel and constants in words. */
  readonly label: string;
  /** What its group 0 takes. */
  readonly bindings: readonly KernelBinding[];
  /** Entry point `main`. */
  readonly pipeline: GPUComputePipeline;
}

const caches = new WeakMap<GPUDevice, Map<string, Promise<KernelPipeline>>>();

/**
 * The pipeline of a kernel for one set of constants; compiled once a device and kept.
 *
 * @throws UnsupportedError where the device's compiler refuses the kernel.
 */
export function kernelPipeline(device: GPUDevice, kernel: KernelSource, constants: Constants): Promise<KernelPipeline> {
  const cache = caches.get(device) ?? new Map<string, Promise<KernelPipeline>>();
  caches.set(device, cache);
  const label = specialisation(kernel, constants);
  // The shared texts tell variants apart that have the same constants, such as the vector's width.
  const key = [label, ...(kernel.shared ?? [])].join('\n');
  const known = cache.get(key);
  if (known) return known;
  const compiled = compile(device, kernel, constants, label);
  cache.set(key, compiled);
  compiled.catch(() => cache.delete(key));
  return compiled;
}

/** How many kernels are compiled or being compiled for a device. */
export function cachedPipelines(device: GPUDevice): number {
  return caches.get(device)?.size ?? 0;
}

async function compile(
  device: GPUDevice,
  kernel: KernelSource,
  constants: Constants,
  label: string,
): Promise<KernelPipeline> {
  const declarations = kernel.variables ? [variablesBinding] : [];
  const bindings = kernelBindings([...(kernel.shared ?? []), kernel.text, ...declarations].join('\n'));
  const code = assemble(kernel, constants);
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code });
  const layout = bindGroupLayout(device, label, bindings);
  const created = device.createComputePipelineAsync({
    label,
    layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: 'main' },
  });
  const scope = device.popErrorScope();
  try {
    const pipeline = await created;
    const error = await scope;
    if (error) throw error;
    return { label, bindings, pipeline };
  } catch (error) {
    await scope.catch(() => null);
    const messages = await module.getCompilationInfo().catch(() => undefined);
    const first = messages?.messages.find((message) => message.type === 'error')?.message;
    throw new UnsupportedError(
      {
        operation: kernel.name,
        parameter: 'kernel',
        expected: 'a kernel that this device compiles',
        got: first ?? String((error as Error).message ?? error),
      },
      { cause: error },
    );
  }
}

function bindGroupLayout(device: GPUDevice, label: string, bindings: readonly KernelBinding[]): GPUBindGroupLayout {
  return device.createBindGroupLayout({
    label,
    entries: bindings.map((declared) => ({ binding: declared.binding, visibility: 4, ...resourceLayout(declared) })),
  });
}

function resourceLayout({ kind, type }: KernelBinding): Omit<GPUBindGroupLayoutEntry, 'binding' | 'visibility'> {
  switch (kind) {
    case 'texture':
      return { texture: { sampleType: 'unfilterable-float' } };
    case 'externalTexture':
      return { externalTexture: {} };
    case 'storageTexture':
      return { storageTexture: storageTextureLayout(type) };
    default:
      return { buffer: { type: kind } };
  }
}

/** Format and access of a storage texture, as its type in WGSL names them. */
export function storageTextureLayout(type: string): GPUStorageTextureBindingLayout {
  const [, format, access] = /^texture_storage_2d<(\w+), (read|write)>$/.exec(type)!;
  return { format: format as GPUTextureFormat, access: access === 'read' ? 'read-only' : 'write-only' };
}
