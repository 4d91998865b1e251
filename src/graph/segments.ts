import type { FusedLayers } from './fusion.js';

/**
 * Cuts a network where a single tensor passes from what is ahead to what is behind, so that a training step can keep just
 * these and compute what lies between them again. Neighbouring pieces are joined to the length at which the kept tensors
 * and the largest piece take the least together.
 *
 * @param bytes - of a group's output
 */
export function segmentsOf(
  groups: readonly FusedLayers[],
  bytes: (group: FusedLayers) => number,
): readonly (readonly FusedLayers[])[] {
  const pieces = cut(groups);
  const inside = (piece: readonly FusedLayers[]): number => piece.reduce((sum, group) => sum + bytes(group), 0);
  const total = inside(groups);
  let best: { segments: readonly (readonly FusedLayers[])[]; most: number } | undefined;
  for (let target = total; target > total / 256; target /= 1.3) {
    const segments = join(pieces, target, inside);
    const most = mostAlive(segments, bytes, inside);
    if (best === undefined || most < best.most) best = { segments, most };
  }
  return best!.segments;
}

/** The shortest pieces at whose ends nothing but the last group's output is read later. */
function cut(groups: readonly FusedLayers[]): FusedLayers[][] {
  const lastReader = new Map<string, number>();
  groups.forEach(({ head, residual }, index) => {
    for (const layer of [...head.inputs, ...(residual === undefined ? [] : [residual])]) lastReader.set(layer, index);
  });
  const pieces: FusedLayers[][] = [];
  let piece: FusedLayers[] = [];
  let needed = 0;
  groups.forEach((group, index) => {
    piece.push(group);
    if (needed <= index) {
      pieces.push(piece);
      piece = [];
    }
    needed = Math.max(needed, lastReader.get(group.output) ?? index);
  });
  return piece.length === 0 ? pieces : [...pieces, piece];
}

function join(
  pieces: readonly (readonly FusedLayers[])[],
  target: number,
  inside: (piece: readonly FusedLayers[]) => number,
): (readonly FusedLayers[])[] {
  const segments: (readonly FusedLayers[])[] = [];
  let open: readonly FusedLayers[] = [];
  for (const piece of pieces) {
    if (open.length > 0 && inside(open) + inside(piece) > target) {
      segments.push(open);
      open = [];
    }
    open = [...open, ...piece];
  }
  return [...segments, open];
}

/** What is alive at once, at most: the ends of the segments so far, and all of the one that is computed again. */
function mostAlive(
  segments: readonly (readonly FusedLayers[])[],
  bytes: (group: FusedLayers) => number,
  inside: (piece: readonly FusedLayers[]) => number,
): number {
  let kept = 0;
  let most = 0;
  for (const segment of segments) {
    most = Math.max(most, kept + inside(segment));
    kept += bytes(segment.at(-1)!);
  }
  return most;
}
