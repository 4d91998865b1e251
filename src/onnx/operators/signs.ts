import type { ImportState } from '../importState.js';

/** Layers that make nothing below zero of what is not below zero. */
const keeping = ['maxPool', 'meanPool', 'add', 'concat', 'multiply', 'slice', 'shuffle', 'upsample', 'flatten'];

/** Whether a layer's output is known to have no element below zero. */
export function isNeverNegative({ layers }: ImportState, name: string): boolean {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const seen = new Set<string>();
  const pending = [name];
  while (pending.length > 0) {
    const next = pending.pop()!;
    if (seen.has(next)) continue;
    seen.add(next);
    const layer = byName.get(next);
    if (!layer) return false;
    const isPositive =
      layer.kind === 'relu' ||
      layer.kind === 'softmax' ||
      (layer.kind === 'activation' && (layer.function === 'sigmoid' || layer.function === 'hardSigmoid'));
    if (isPositive) continue;
    if (!keeping.includes(layer.kind)) return false;
    pending.push(...layer.inputs);
  }
  return true;
}
