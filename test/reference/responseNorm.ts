/** Local response norm over [pixels, channels], as PyTorch's. */
export interface ResponseNorm {
  readonly channels: number;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

/** Of every element, k + alpha * mean of the squares of `size` channels, those beyond the ends being zero. */
export function responseReference(x: ArrayLike<number>, { channels, size, alpha, k }: ResponseNorm): Float64Array {
  const ahead = Math.floor(size / 2);
  return Float64Array.from(x, (_, i) => {
    const c = i % channels;
    let sum = 0;
    for (let other = c - ahead; other < c - ahead + size; other++) {
      if (other >= 0 && other < channels) sum += x[i - c + other]! ** 2;
    }
    return k + (alpha * sum) / size;
  });
}

export function responseNormReference(x: ArrayLike<number>, norm: ResponseNorm): Float64Array {
  return responseReference(x, norm).map((response, i) => x[i]! / response ** norm.beta);
}

/** The sums term by term: every output's derivatives by the inputs that it is made of. */
export function responseNormBackwardReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  norm: ResponseNorm,
): { readonly dx: Float64Array; readonly magnitude: Float64Array } {
  const { channels, size, alpha, beta } = norm;
  const responses = responseReference(x, norm);
  const dx = new Float64Array(x.length);
  const magnitude = new Float64Array(x.length);
  const add = (i: number, value: number): void => {
    dx[i]! += value;
    magnitude[i]! += Math.abs(value);
  };
  const ahead = Math.floor(size / 2);
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    add(i, dy[i]! * responses[i]! ** -beta);
    for (let other = c - ahead; other < c - ahead + size; other++) {
      if (other < 0 || other >= channels) continue;
      const place = i - c + other;
      add(place, dy[i]! * x[i]! * -beta * responses[i]! ** (-beta - 1) * ((2 * alpha) / size) * x[place]!);
    }
  }
  return { dx, magnitude };
}
