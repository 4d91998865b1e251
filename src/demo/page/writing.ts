import { digitStrokes } from '../data/digits.js';
import type { Point } from '../data/strokes.js';

/** Milliseconds in which a digit is written, and for which it stands there. All of it moves for less than five seconds. */
const writing = 900;
const standing = 700;

/** What writes by itself. */
export interface Writing {
  stop(): void;
}

/**
 * Writes digits one after the other as a hand would, and leaves the last one standing. Where motion is not wanted it stands there
 * at once.
 *
 * @param show - takes the strokes so far, points from 0 to 1
 */
export function writeDigits(
  digits: readonly (readonly [digit: number, hand: number])[],
  show: (strokes: Point[][]) => void,
): Writing {
  const hands = digits.map(([digit, hand]) => digitStrokes(digit, hand));
  let frame = 0;
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
    show(hands.at(-1)!);
    return { stop() {} };
  }
  const start = performance.now();
  const step = (now: number): void => {
    const time = Math.max(0, now - start);
    const index = Math.min(Math.floor(time / (writing + standing)), hands.length - 1);
    const share = Math.min((time - index * (writing + standing)) / writing, 1);
    show(partOf(hands[index]!, share));
    if (share < 1 || index < hands.length - 1) frame = requestAnimationFrame(step);
  };
  frame = requestAnimationFrame(step);
  return { stop: () => cancelAnimationFrame(frame) };
}

/** The first points of a drawing, of which a share is there; one at least. */
export function partOf(strokes: readonly (readonly Point[])[], share: number): Point[][] {
  let left = Math.max(1, Math.round(share * strokes.reduce((sum, { length }) => sum + length, 0)));
  const part: Point[][] = [];
  for (const stroke of strokes) {
    if (left <= 0) break;
    part.push(stroke.slice(0, left));
    left -= stroke.length;
  }
  return part;
}
