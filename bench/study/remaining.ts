/** Says how long a known amount of work is going to take, from how long what was done of it took. */
export interface Remaining {
  /** Notes work done. */
  done(amount: number): void;
  /** The time left in words. */
  readonly words: string;
}

/** @param total - in the unit of `done` */
export function remaining(total: number, now: () => number = () => performance.now()): Remaining {
  const started = now();
  let sum = 0;
  return {
    done(amount) {
      sum += amount;
    },
    get words() {
      if (sum === 0) return 'time left not known yet';
      const seconds = ((now() - started) / 1000 / sum) * Math.max(total - sum, 0);
      return seconds < 90 ? `about ${Math.round(seconds)} s left` : `about ${Math.round(seconds / 60)} min left`;
    },
  };
}
