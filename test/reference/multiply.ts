/** Images [batch, pixels, channels], and a factor for each element, or with `gate` one for each channel of an image. */
export interface ProductOperands {
  readonly x: ArrayLike<number>;
  readonly factors: ArrayLike<number>;
  readonly gate: boolean;
  readonly pixels: number;
  readonly channels: number;
}

/** Where the factor of an element is. */
function placeOf({ gate, pixels, channels }: ProductOperands, i: number): number {
  return gate ? Math.floor(i / (pixels * channels)) * channels + (i % channels) : i;
}

export function multiplyReference(operands: ProductOperands): Float64Array {
  return Float64Array.from(operands.x, (value, i) => value * operands.factors[placeOf(operands, i)]!);
}

export interface ProductGradients {
  readonly dx: Float64Array;
  readonly dFactors: Float64Array;
  /** What the sums of dFactors are sums of, without signs. */
  readonly magnitude: Float64Array;
}

export function multiplyBackwardReference(operands: ProductOperands, dy: ArrayLike<number>): ProductGradients {
  const { x, factors } = operands;
  const dFactors = new Float64Array(factors.length);
  const magnitude = new Float64Array(factors.length);
  for (let i = 0; i < x.length; i++) {
    const product = dy[i]! * x[i]!;
    dFactors[placeOf(operands, i)]! += product;
    magnitude[placeOf(operands, i)]! += Math.abs(product);
  }
  return { dx: multiplyReference({ ...operands, x: dy }), dFactors, magnitude };
}
