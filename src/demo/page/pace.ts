/** Milliseconds that are looked back on. */
const span = 5000;

export interface Pace {
  add(steps: number): void;
  /** Undefined until there is enough to tell. */
  perSecond(): number | undefined;
  clear(): void;
}

/** Steps a second, of the last few seconds. */
export function createPace(now: () => number = () => performance.now()): Pace {
  let marks: { readonly time: number; readonly steps: number }[] = [];
  return {
    add(steps) {
      const time = now();
      marks = [...marks.filter((mark) => mark.time > time - span), { time, steps }];
    },
    perSecond() {
      const [first, ...rest] = marks;
      if (!first || rest.length === 0) return undefined;
      const steps = rest.reduce((sum, mark) => sum + mark.steps, 0);
      return (1000 * steps) / (rest.at(-1)!.time - first.time);
    },
    clear() {
      marks = [];
    },
  };
}
