import { ShapeError } from '../errors.js';
import { type Padding, type Pair, refusal, requireInteger } from './windows.js';

/**
 * Refuses a shape that lacks fields or has others, and names all of them at once.
 *
 * @param fields - all that a shape has, with what stands for it where it is left out
 * @throws ShapeError
 */
export function checkFields(operation: string, shape: object, fields: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(fields);
  const missing = names.filter((name) => fields[name] === undefined);
  const unknown = Object.keys(shape).filter((name) => !names.includes(name));
  if (missing.length + unknown.length === 0) return;
  const list = (some: readonly string[]): string => some.join(', ') || 'none';
  const got = `missing: ${list(missing)}; unknown: ${list(unknown)}`;
  throw new ShapeError({ operation, parameter: 'shape', expected: list(names), got });
}

/**
 * Refuses a shape that is not made of these fields, positive integers, pairs, of which `padding` may be four numbers, and flags;
 * the numbers of a pair are left to its use.
 *
 * @throws ShapeError
 */
export function checkShape(
  operation: string,
  shape: object,
  counts: Readonly<Record<string, number>>,
  pairs: Readonly<Record<string, Pair | Padding>> = {},
  flags: Readonly<Record<string, boolean>> = {},
): void {
  checkFields(operation, shape, { ...counts, ...pairs, ...flags });
  const place = { operation, prefix: '' };
  for (const name in counts) requireInteger(counts[name]!, 1, name, place);
  for (const name in pairs) {
    const isPadding = name === 'padding';
    const { length } = pairs[name]!;
    if (length === 2 || (isPadding && length === 4)) continue;
    const sides = isPadding ? ' or [top, left, bottom, right]' : '';
    throw refusal(place, name, `a pair [height, width]${sides}`, `${pairs[name]}`);
  }
  for (const name in flags) {
    if (typeof flags[name] !== 'boolean') throw refusal(place, name, 'true or false', `${flags[name]}`);
  }
}
