/** A tensor of the plan: its size and the operations between which it holds something needed. */
export interface Lifetime {
  readonly id: string;
  readonly bytes: number;
  /** Index of the operation that first touches it. */
  readonly first: number;
  /** Index of the operation that last touches it. */
  readonly last: number;
}

/** Where each tensor lies in the arena. */
export interface MemoryPlan {
  readonly arenaBytes: number;
  readonly offsets: ReadonlyMap<string, number>;
}

/**
 * Lays tensors out in one arena so that those alive at the same time never overlap: the largest first, each in the
 * lowest gap that takes it.
 *
 * @param alignment - what every offset is a multiple of, in bytes
 */
export function planMemory(lifetimes: readonly Lifetime[], alignment: number): MemoryPlan {
  const placed: (Lifetime & { offset: number })[] = [];
  const order = [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const tensor of order) {
    const neighbours = placed
      .filter((other) => other.first <= tensor.last && tensor.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of neighbours) {
      if (offset + tensor.bytes <= other.offset) break;
      offset = Math.max(offset, alignUp(other.offset + other.bytes, alignment));
    }
    placed.push({ ...tensor, offset });
  }
  const arenaBytes = placed.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0);
  return { arenaBytes, offsets: new Map(placed.map(({ id, offset }) => [id, offset])) };
}

/** The next multiple of an alignment. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
