/** x * weight[c] + bias[c] over [pixels, channels]. */
export function affineReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
): Float64Array {
  const channels = weight.length;
  return Float64Array.from(x, (value, i) => value * weight[i % channels]! + bias[i % channels]!);
}

export interface AffineGradients {
  readonly dx: Float64Array;
  readonly dWeight: Float64Array;
  readonly dBias: Float64Array;
  /** What the sums of dWeight and dBias are sums of, without signs. */
  readonly weightMagnitude: Float64Array;
  readonly biasMagnitude: Float64Array;
}

export function affineBackwardReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  dy: ArrayLike<number>,
): AffineGradients {
  const channels = weight.length;
  const [dWeight, dBias, weightMagnitude, biasMagnitude] = [0, 0, 0, 0].map(() => new Float64Array(channels));
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    dWeight![c]! += dy[i]! * x[i]!;
    dBias![c]! += dy[i]!;
    weightMagnitude![c]! += Math.abs(dy[i]! * x[i]!);
    biasMagnitude![c]! += Math.abs(dy[i]!);
  }
  return {
    dx: Float64Array.from(dy, (value, i) => value * weight[i % channels]!),
    dWeight: dWeight!,
    dBias: dBias!,
    weightMagnitude: weightMagnitude!,
    biasMagnitude: biasMagnitude!,
  };
}
