/** x [batch, inFeatures] times weight [inFeatures, outFeatures] plus bias [outFeatures]. */
export interface DenseOperands {
  readonly x: ArrayLike<number>;
  readonly weight: ArrayLike<number>;
  readonly bias?: ArrayLike<number> | undefined;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

export interface DenseGradients {
  readonly dx: Float64Array;
  /** [inFeatures, outFeatures]. */
  readonly dWeight: Float64Array;
  readonly dBias: Float64Array;
}

/** @returns [batch, outFeatures] */
export function denseReference({ x, weight, bias, inFeatures, outFeatures }: DenseOperands): Float64Array {
  const batch = x.length / inFeatures;
  const y = Float64Array.from({ length: batch * outFeatures }, (_, i) => bias?.[i % outFeatures] ?? 0);
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < inFeatures; i++) {
      for (let o = 0; o < outFeatures; o++) {
        y[n * outFeatures + o]! += x[n * inFeatures + i]! * weight[i * outFeatures + o]!;
      }
    }
  }
  return y;
}

/** @param operands with dy, [batch, outFeatures] */
export function denseBackwardReference(operands: DenseOperands & { readonly dy: ArrayLike<number> }): DenseGradients {
  const { x, weight, inFeatures, outFeatures, dy } = operands;
  const batch = x.length / inFeatures;
  const dx = new Float64Array(x.length);
  const dWeight = new Float64Array(weight.length);
  const dBias = new Float64Array(outFeatures);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outFeatures; o++) {
      const gradient = dy[n * outFeatures + o]!;
      dBias[o]! += gradient;
      for (let i = 0; i < inFeatures; i++) {
        dx[n * inFeatures + i]! += gradient * weight[i * outFeatures + o]!;
        dWeight[i * outFeatures + o]! += gradient * x[n * inFeatures + i]!;
      }
    }
  }
  return { dx, dWeight, dBias };
}
