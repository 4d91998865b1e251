/** The places of a tensor whose values are NaN or infinite. */
export function notFinite(tensor: ArrayLike<number>): number[] {
  return Array.from(tensor, (value, at) => (Number.isFinite(value) ? -1 : at)).filter((at) => at >= 0);
}

/** Each place once, in order. */
export function unique(places: readonly number[]): number[] {
  return [...new Set(places)].sort((a, b) => a - b);
}
