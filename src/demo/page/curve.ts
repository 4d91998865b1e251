/** A number by step; null for steps that were not seen here. */
export type Values = readonly (number | null)[];

/** A number by step and its running mean. */
export interface Curve {
  readonly values: Values;
  readonly means: Values;
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

/** Points at steps that divide a training evenly, by step. */
export function spread(points: readonly number[], steps: number): Values {
  const values = Array<number | null>(steps).fill(null);
  points.forEach((value, point) => {
    values[Math.round(((steps - 1) * point) / (points.length - 1))] = value;
  });
  return values;
}

/** Step by step the mean of the curves that have a value there. */
export function meanOf(curves: readonly Values[]): Values {
  const length = Math.max(0, ...curves.map((curve) => curve.length));
  return Array.from({ length }, (_, step) => {
    const own = curves.flatMap((curve) => curve[step] ?? []);
    return own.length > 0 ? own.reduce((sum, value) => sum + value, 0) / own.length : null;
  });
}
