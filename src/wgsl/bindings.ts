/** What a kernel can declare: buffers and textures. */
export type BindingKind = 'storage' | 'uniform' | 'texture' | 'externalTexture' | 'storageTexture';

/**
 * One buffer or texture that a kernel declares. Storage buffers are read_write throughout, inputs too: WebGPU forbids one
 * dispatch to use a buffer both as read-only and as writable storage, and inputs and outputs of a dispatch often lie in one
 * arena.
 */
export interface KernelBinding {
  /** Its number in group 0. */
  readonly binding: number;
  /** The variable's, in WGSL. */
  readonly name: string;
  /** What is bound. */
  readonly kind: BindingKind;
  /** As WGSL writes it, for example `array<vec4<f32>>`. */
  readonly type: string;
}

const declaration = /@group\(0\) @binding\((\d+)\) var(?:<(uniform|storage, read_write)>)? (\w+)\s*:\s*([^;]+);/g;

/** The buffers and textures a kernel declares, read from its text. */
export function kernelBindings(text: string): KernelBinding[] {
  return [...text.matchAll(declaration)].map(([, binding, space, name, type]) => ({
    binding: Number(binding),
    name: name!,
    kind: bindingKind(space, type!),
    type: type!,
  }));
}

function bindingKind(space: string | undefined, type: string): BindingKind {
  if (space === 'uniform') return 'uniform';
  if (space !== undefined) return 'storage';
  if (type === 'texture_external') return 'externalTexture';
  return type.startsWith('texture_storage_2d<') ? 'storageTexture' : 'texture';
}
