/** Logits [batch, classes] with one class index an example. */
export interface ClassificationOperands {
  readonly logits: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

export interface CrossEntropyResult {
  /** Mean of `losses`. */
  readonly loss: number;
  /** One an example. */
  readonly losses: Float64Array;
  /** Gradient of the mean, [batch, classes]. */
  readonly dLogits: Float64Array;
}

/** Logarithm of softmax along each row of [batch, classes]. */
export function logSoftmaxReference(logits: ArrayLike<number>, classes: number): Float64Array {
  const result = Float64Array.from(logits);
  for (let start = 0; start < result.length; start += classes) {
    const row = result.subarray(start, start + classes);
    const largest = Math.max(...row);
    const logSum = largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
    for (let k = 0; k < classes; k++) row[k]! -= logSum;
  }
  return result;
}

/**
 * Softmax cross entropy, mean over the batch. With smoothing e the target is 1 - e on the label plus e / classes on
 * every class, the label too.
 */
export function crossEntropyReference(
  { logits, labels, classes }: ClassificationOperands,
  smoothing = 0,
): CrossEntropyResult {
  const batch = labels.length;
  const logProbabilities = logSoftmaxReference(logits, classes);
  const losses = new Float64Array(batch);
  const dLogits = logProbabilities.map((logProbability, i) => {
    const n = Math.floor(i / classes);
    const target = smoothing / classes + (i % classes === labels[n] ? 1 - smoothing : 0);
    losses[n]! -= target === 0 ? 0 : target * logProbability;
    return (Math.exp(logProbability) - target) / batch;
  });
  return { loss: losses.reduce((sum, value) => sum + value, 0) / batch, losses, dLogits };
}

/** How many examples have their label among the k largest logits; of equal logits the lower class goes first. */
export function topKCountReference({ logits, labels, classes }: ClassificationOperands, k: number): number {
  let count = 0;
  for (let n = 0; n < labels.length; n++) {
    const label = labels[n]!;
    const own = logits[n * classes + label]!;
    let ahead = 0;
    for (let other = 0; other < classes; other++) {
      const value = logits[n * classes + other]!;
      if (value > own || (value === own && other < label)) ahead++;
    }
    if (ahead < k) count++;
  }
  return count;
}
