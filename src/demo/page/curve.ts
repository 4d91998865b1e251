/** A number by step and its running mean; null for steps that were not seen here. */
export interface Curve {
  readonly values: readonly (number | null)[];
  readonly means: readonly (number | null)[];
  /** Puts values in from a step on, in place of what was there. */
  append(first: number, added: Iterable<number>): void;
  /** Forgets the values from a step on. */
  cut(step: number): void;
}

/** Share of the running mean that a new value makes. */
const smoothing = 0.12;

export function createCurve(): Curve {
  const values: (number | null)[] = [];
  const means: (number | null)[] = [];

  function cut(step: number): void {
    values.length = Math.min(values.length, step);
    means.length = values.length;
  }

  return {
    values,
    means,
    append(first, added) {
      cut(first);
      while (values.length < first) {
        values.push(null);
        means.push(null);
      }
      let seen = values.filter((value) => value !== null).length;
      for (const value of added) {
        const before = means.at(-1) ?? value;
        values.push(value);
        means.push(before + Math.max(smoothing, 1 / ++seen) * (value - before));
      }
    },
    cut,
  };
}
