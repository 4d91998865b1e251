import { logSoftmaxReference } from './loss.js';

/** Logits of a student and of its teacher, [batch, classes]. */
export interface DistillationOperands {
  readonly logits: ArrayLike<number>;
  readonly teacher: ArrayLike<number>;
  readonly classes: number;
}

export interface DistillationResult {
  /** Mean of `distances`. */
  readonly distance: number;
  /** One an example. */
  readonly distances: Float64Array;
  /** Gradient of the mean with respect to the student's logits. */
  readonly dLogits: Float64Array;
}

/** Mean over batch and classes of the squared difference. */
export function squaredDistanceReference({ logits, teacher, classes }: DistillationOperands): DistillationResult {
  const batch = logits.length / classes;
  const differences = Float64Array.from(logits, (value, i) => value - teacher[i]!);
  const distances = new Float64Array(batch);
  differences.forEach((difference, i) => {
    distances[Math.floor(i / classes)]! += difference ** 2 / classes;
  });
  const dLogits = differences.map((difference) => (2 * difference) / (batch * classes));
  return { distance: mean(distances), distances, dLogits };
}

/** T^2 KL(softmax(teacher / T) || softmax(student / T)), mean over the batch. */
export function divergenceReference(
  { logits, teacher, classes }: DistillationOperands,
  temperature: number,
): DistillationResult {
  const batch = logits.length / classes;
  const scaled = (values: ArrayLike<number>): Float64Array =>
    logSoftmaxReference(
      Float64Array.from(values, (value) => value / temperature),
      classes,
    );
  const [own, wanted] = [scaled(logits), scaled(teacher)];
  const distances = new Float64Array(batch);
  const dLogits = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) {
    const p = Math.exp(wanted[i]!);
    if (p > 0) distances[Math.floor(i / classes)]! += temperature ** 2 * p * (wanted[i]! - own[i]!);
    dLogits[i] = (temperature * (Math.exp(own[i]!) - p)) / batch;
  }
  return { distance: mean(distances), distances, dLogits };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
