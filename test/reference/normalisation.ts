/** Batch normalisation of x, [rows, channels] (NHWC with batch, height and width as rows). */
export interface BatchNormOperands {
  readonly x: ArrayLike<number>;
  /** One value a channel, as is the shift. */
  readonly scale: ArrayLike<number>;
  readonly shift: ArrayLike<number>;
  readonly epsilon: number;
}

export interface BatchStatistics {
  readonly mean: Float64Array;
  /** Biased: divided by the number of rows. */
  readonly variance: Float64Array;
}

export interface BatchNormGradients {
  readonly dx: Float64Array;
  readonly dScale: Float64Array;
  readonly dShift: Float64Array;
}

/** Mean and biased variance of every channel. */
export function batchStatisticsReference(x: ArrayLike<number>, channels: number): BatchStatistics {
  const rows = x.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let i = 0; i < x.length; i++) mean[i % channels]! += x[i]! / rows;
  for (let i = 0; i < x.length; i++) variance[i % channels]! += (x[i]! - mean[i % channels]!) ** 2 / rows;
  return { mean, variance };
}

/** Training: y = scale (x - mean) / sqrt(variance + epsilon) + shift with the batch's own statistics. */
export function batchNormReference(operands: BatchNormOperands): BatchStatistics & { readonly y: Float64Array } {
  const statistics = batchStatisticsReference(operands.x, operands.scale.length);
  return { y: batchNormInferenceReference(operands, statistics), ...statistics };
}

/** Inference: the same with given statistics. */
export function batchNormInferenceReference(
  { x, scale, shift, epsilon }: BatchNormOperands,
  statistics: { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> },
): Float64Array {
  return new Float64Array(x).map((value, i) => {
    const c = i % scale.length;
    const deviation = Math.sqrt(statistics.variance[c]! + epsilon);
    return (scale[c]! * (value - statistics.mean[c]!)) / deviation + shift[c]!;
  });
}

/**
 * One update of the running statistics: (1 - momentum) old + momentum new, the new variance unbiased.
 *
 * @param rows how many values of each channel the batch statistics are taken from
 */
export function runningStatisticsReference(
  running: { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> },
  batch: BatchStatistics,
  rows: number,
  momentum: number,
): BatchStatistics {
  const blend = (old: ArrayLike<number>, fresh: Float64Array, correction: number) =>
    fresh.map((value, c) => (1 - momentum) * old[c]! + momentum * correction * value);
  return {
    mean: blend(running.mean, batch.mean, 1),
    variance: blend(running.variance, batch.variance, rows / (rows - 1)),
  };
}

/**
 * Gradients of the training form. With h = (x - mean) / deviation: dShift = sum dy, dScale = sum dy h,
 * dx = scale / deviation * (dy - dShift / rows - h dScale / rows).
 */
export function batchNormBackwardReference(
  operands: Pick<BatchNormOperands, 'x' | 'scale' | 'epsilon'> & { readonly dy: ArrayLike<number> },
): BatchNormGradients {
  const { x, scale, epsilon, dy } = operands;
  const channels = scale.length;
  const rows = x.length / channels;
  const { mean, variance } = batchStatisticsReference(x, channels);
  const deviation = variance.map((value) => Math.sqrt(value + epsilon));
  const normalised = new Float64Array(x).map((value, i) => (value - mean[i % channels]!) / deviation[i % channels]!);
  const dScale = new Float64Array(channels);
  const dShift = new Float64Array(channels);
  for (let i = 0; i < x.length; i++) {
    dScale[i % channels]! += dy[i]! * normalised[i]!;
    dShift[i % channels]! += dy[i]!;
  }
  const dx = normalised.map((value, i) => {
    const c = i % channels;
    return (scale[c]! / deviation[c]!) * (dy[i]! - dShift[c]! / rows - (value * dScale[c]!) / rows);
  });
  return { dx, dScale, dShift };
}
