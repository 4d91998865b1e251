import { readFileSync } from 'node:fs';

/** The header of a golden file: what its metadata says, and the shapes of its tensors in PyTorch's layouts. */
export function goldenHeader(file: string): { metadata: Record<string, string>; shapes: Map<string, number[]> } {
  const bytes = readFileSync(new URL(`../golden/${file}.safetensors`, import.meta.url));
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const entries = Object.entries(tensors as Record<string, { shape: number[] }>);
  return { metadata, shapes: new Map(entries.map(([name, { shape }]) => [name, shape])) };
}
