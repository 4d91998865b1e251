/** A well-mixed 32-bit number for every pair of index and seed. */
export function mix32(index: number, seed: number): number {
  let x = (index + Math.imul(seed, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** `count` values in [-1, 1], the same ones on every machine. */
export function uniform(count: number, seed: number): Float32Array<ArrayBuffer> {
  return new Float32Array(count).map((_, i) => mix32(i, seed) / 2 ** 31 - 1);
}

/** `count` values in [low, high]. */
export function randomArray(count: number, seed: number, low = -1, high = 1): Float32Array<ArrayBuffer> {
  return uniform(count, seed).map((value) => low + ((value + 1) / 2) * (high - low));
}

/** `count` integers in 0 .. limit - 1. */
export function randomIntegers(count: number, seed: number, limit: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(count).map((_, i) => mix32(i, seed) % limit);
}
