import { type ErrorPlace, refusal } from './windows.js';

/** Functions of every element besides ReLU; `gelu` is the exact one, by the error function. */
export type ActivationFunction = 'sigmoid' | 'hardSigmoid' | 'silu' | 'hardSwish' | 'leakyRelu' | 'tanh' | 'gelu';

/** All of them. */
export const activationFunctions: readonly ActivationFunction[] = [
  'sigmoid',
  'hardSigmoid',
  'silu',
  'hardSwish',
  'leakyRelu',
  'tanh',
  'gelu',
];

/** Slopes where none are given, of the functions that have one: PyTorch's. */
export const usualSlopes = { hardSigmoid: 1 / 6, leakyRelu: 0.01 } as const;

/**
 * The slope of a function, where it has one.
 *
 * @throws ShapeError for a function that is none, or a slope that is no number of float32 or of a function that has none.
 */
export function slopeOf(name: ActivationFunction, slope: number | undefined, place: ErrorPlace): number | undefined {
  if (!activationFunctions.includes(name)) {
    throw refusal(place, 'function', activationFunctions.join(', '), String(name));
  }
  const usual = (usualSlopes as Partial<Record<ActivationFunction, number>>)[name];
  if (slope === undefined) return usual;
  if (usual === undefined) throw refusal(place, 'slope', `none of ${name}`, String(slope));
  if (!Number.isFinite(Math.fround(slope))) throw refusal(place, 'slope', 'a finite number', String(slope));
  return slope;
}
