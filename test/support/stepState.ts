/** The uniform that changes from step to step, as the kernels read it. */
export interface StepState {
  /** Counted from 0. */
  readonly step: number;
  readonly learningRate?: number;
  /** AdamW's 1 - beta1^t and 1 - beta2^t. */
  readonly corrections?: readonly [first: number, second: number];
}

export function stepState({ step, learningRate = 0, corrections = [1, 1] }: StepState): Uint32Array<ArrayBuffer> {
  const floats = Float32Array.of(0, learningRate, ...corrections);
  const state = new Uint32Array(floats.buffer);
  state[0] = step;
  return state;
}
