/** A tensor of the plan: its size and the operations between which it holds something needed. */
export interface Lifetime {
  readonly id: string;
  readonly bytes: number;
  /** Index of the operation that first touches it. */
  readonly first: number;
  /** Index of the operation that last touches it. */
  readonly last: number;
  /** Where it lies already. */
  readonly place?: Place | undefined;
}

/** Where a tensor lies. */
export interface Place {
  /** Index of the arena's buffer. */
  readonly buffer: number;
  /** In bytes. */
  readonly offset: number;
}

/** Where each tensor lies in the arena, which is more than one buffer where one would be too large. */
export interface MemoryPlan {
  /** Of all its buffers. */
  readonly arenaBytes: number;
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
  readonly places: ReadonlyMap<string, Place>;
}

/**
 * Lays tensors out so that those alive at the same time never overlap: the largest first, each in the lowest gap that
 * takes it, in the first buffer that has one.
 *
 * @param alignment - what every offset is a multiple of, in bytes
 * @param largestBuffer - bytes of a buffer at most; a tensor that takes more has one of its own
 * @param given - bytes of buffers that there are already
 */
export function planMemory(
  lifetimes: readonly Lifetime[],
  alignment: number,
  largestBuffer = Number.POSITIVE_INFINITY,
  given: readonly number[] = [],
): MemoryPlan {
  const placed: (Lifetime & Place)[] = [];
  const order = [...lifetimes].sort(
    (a, b) => Number(!a.place) - Number(!b.place) || b.bytes - a.bytes || a.first - b.first,
  );
  for (const tensor of order) {
    const { place } = tensor;
    const neighbours = placed.filter((other) => other.first <= tensor.last && tensor.first <= other.last);
    let { buffer, offset } = place ?? { buffer: 0, offset: lowestGap(neighbours, 0, tensor.bytes, alignment) };
    const isFull = (): boolean =>
      (offset > 0 || buffer < given.length) && offset + tensor.bytes > (given[buffer] ?? largestBuffer);
    while (!place && isFull()) offset = lowestGap(neighbours, ++buffer, tensor.bytes, alignment);
    placed.push({ ...tensor, buffer, offset });
  }
  const buffers = [...given];
  for (const { buffer, offset, bytes } of placed) buffers[buffer] = Math.max(buffers[buffer] ?? 0, offset + bytes);
  return {
    arenaBytes: buffers.reduce((sum, bytes) => sum + bytes, 0),
    buffers,
    places: new Map(placed.map(({ id, buffer, offset }) => [id, { buffer, offset }])),
  };
}

/** The lowest offset in a buffer at which a number of bytes overlaps none of the tensors. */
function lowestGap(tensors: readonly (Lifetime & Place)[], buffer: number, bytes: number, alignment: number): number {
  let offset = 0;
  const inBuffer = tensors.filter((tensor) => tensor.buffer === buffer).sort((a, b) => a.offset - b.offset);
  for (const other of inBuffer) {
    if (offset + bytes <= other.offset) break;
    offset = Math.max(offset, alignUp(other.offset + other.bytes, alignment));
  }
  return offset;
}

/** The next multiple of an alignment. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
