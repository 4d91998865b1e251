import type { Normalisation } from './dataset.js';

/** What would have been right in place of a value from a file, and the part of it at fault. */
interface Fault {
  readonly expected: string;
  readonly got: unknown;
}

const longestClassName = 1000;

/** Why a value is no {@link Normalisation} of so many channels, if it is none. */
export function normalisationFault(value: unknown, channels: number): Fault | undefined {
  const { mean, deviation } = (value ?? {}) as Partial<Record<keyof Normalisation, unknown>>;
  const numbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length === channels && list.every(Number.isFinite);
  if (numbers(mean) && numbers(deviation) && deviation.every((entry) => entry > 0)) return undefined;
  return { expected: `mean and deviation above 0 of ${channels} channels`, got: value };
}

/** Why a value is no list of names for at most so many classes, if it is none. */
export function classNamesFault(value: unknown, classes: number): Fault | undefined {
  if (!Array.isArray(value)) return { expected: 'names of classes', got: value };
  if (value.length > classes) return { expected: `names of at most ${classes} classes`, got: value.length };
  const strange = value.findIndex((item) => !isClassName(item));
  if (strange < 0) return undefined;
  const expected = `as name ${strange} a text of at most ${longestClassName} characters, none of them control characters`;
  return { expected, got: value[strange] };
}

/** Names are shown in terminals, where control characters are orders. */
function isClassName(value: unknown): boolean {
  return typeof value === 'string' && value.length <= longestClassName && !/\p{Cc}/u.test(value);
}
