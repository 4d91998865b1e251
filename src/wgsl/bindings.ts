/**
 * One buffer that a kernel declares. Storage is read_write throughout, inputs too: WebGPU forbids one dispatch to use a
 * buffer both as read-only and as writable storage, and inputs and outputs of a dispatch often lie in one arena.
 */
export interface KernelBinding {
  readonly binding: number;
  readonly name: string;
  readonly access: 'storage' | 'uniform';
}

const declaration = /@group\(0\) @binding\((\d+)\) var<(uniform|storage, read_write)> (\w+)\s*:/g;

/** The buffers a kernel declares, read from its text. */
export function kernelBindings(text: string): KernelBinding[] {
  return [...text.matchAll(declaration)].map((match) => ({
    binding: Number(match[1]),
    name: match[3]!,
    access: match[2] === 'uniform' ? 'uniform' : 'storage',
  }));
}
