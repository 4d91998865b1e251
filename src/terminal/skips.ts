import { grouped, type Output } from './output.js';

/** Names what is skipped as it happens, and counts it for the end. */
export interface SkipCounter {
  readonly count: number;
  skip(picture: string, error: Error): void;
  /** Says how many were skipped beside those that were `read`, where that was more than the one that was named. */
  say(read: number): void;
}

export function skipCounter(output: Output): SkipCounter {
  let count = 0;
  return {
    get count() {
      return count;
    },
    skip(picture, { message }) {
      count++;
      output.emit({ event: 'skipped', picture, reason: message });
      output.say(`Skipped: ${message}`);
    },
    say(read) {
      if (count > 1) output.say(`Skipped ${grouped(count)} of ${grouped(count + read)} pictures, which cannot be read`);
    },
  };
}
