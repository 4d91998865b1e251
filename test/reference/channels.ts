/** `count` channels from `start` on of [pixels, channels]. */
export function sliceReference(x: ArrayLike<number>, channels: number, start: number, count: number): Float64Array {
  const pixels = x.length / channels;
  return Float64Array.from(
    { length: pixels * count },
    (_, i) => x[Math.floor(i / count) * channels + start + (i % count)]!,
  );
}

/** The slice's gradient among zeros. */
export function sliceBackwardReference(
  dy: ArrayLike<number>,
  channels: number,
  start: number,
  count: number,
): Float64Array {
  const dx = new Float64Array((dy.length / count) * channels);
  for (let i = 0; i < dy.length; i++) dx[Math.floor(i / count) * channels + start + (i % count)] = dy[i]!;
  return dx;
}

/** ShuffleNet's channel shuffle: channel j of group g becomes channel j * groups + g. */
export function shuffleReference(x: ArrayLike<number>, channels: number, groups: number): Float64Array {
  const y = new Float64Array(x.length);
  const size = channels / groups;
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    y[i - c + (c % size) * groups + Math.floor(c / size)] = x[i]!;
  }
  return y;
}

export function shuffleBackwardReference(dy: ArrayLike<number>, channels: number, groups: number): Float64Array {
  return shuffleReference(dy, channels, channels / groups);
}
