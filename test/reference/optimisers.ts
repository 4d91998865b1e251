export interface SgdOptions {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Added to the gradient as weightDecay * parameter. */
  readonly weightDecay: number;
}

/**
 * One step of SGD without dampening, in place: g' = g + weightDecay p; v = momentum v + g'; p -= learningRate times v,
 * or with Nesterov times (g' + momentum v).
 *
 * @param velocity zeros before the first step
 */
export function sgdStepReference(
  parameter: Float64Array,
  gradient: ArrayLike<number>,
  velocity: Float64Array,
  { learningRate, momentum, nesterov, weightDecay }: SgdOptions,
): void {
  for (let i = 0; i < parameter.length; i++) {
    const decayed = gradient[i]! + weightDecay * parameter[i]!;
    velocity[i] = momentum * velocity[i]! + decayed;
    parameter[i]! -= learningRate * (nesterov ? decayed + momentum * velocity[i]! : velocity[i]!);
  }
}

export interface AdamWOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** The parameter shrinks by learningRate * weightDecay of itself, apart from the gradient. */
  readonly weightDecay: number;
}

/**
 * One step of AdamW, in place, with bias correction of both moments; epsilon is added to the corrected root.
 *
 * @param state first and second moment, zeros before the first step
 * @param step counts from 1
 */
export function adamWStepReference(
  parameter: Float64Array,
  gradient: ArrayLike<number>,
  state: { readonly first: Float64Array; readonly second: Float64Array },
  step: number,
  { learningRate, beta1, beta2, epsilon, weightDecay }: AdamWOptions,
): void {
  for (let i = 0; i < parameter.length; i++) {
    const first = beta1 * state.first[i]! + (1 - beta1) * gradient[i]!;
    const second = beta2 * state.second[i]! + (1 - beta2) * gradient[i]! ** 2;
    const correctedFirst = first / (1 - beta1 ** step);
    const correctedSecond = second / (1 - beta2 ** step);
    state.first[i] = first;
    state.second[i] = second;
    parameter[i]! -= learningRate * weightDecay * parameter[i]!;
    parameter[i]! -= (learningRate * correctedFirst) / (Math.sqrt(correctedSecond) + epsilon);
  }
}

/**
 * Scales all gradients in place by min(1, maxNorm / (norm + 1e-6)), norm being the Euclidean norm of all of them together.
 *
 * @returns the norm before scaling
 */
export function clipByGlobalNormReference(gradients: Iterable<Float64Array>, maxNorm: number): number {
  const all = [...gradients];
  const norm = Math.sqrt(all.reduce((sum, one) => sum + one.reduce((part, value) => part + value * value, 0), 0));
  const factor = Math.min(1, maxNorm / (norm + 1e-6));
  for (const gradient of all) for (let i = 0; i < gradient.length; i++) gradient[i]! *= factor;
  return norm;
}
