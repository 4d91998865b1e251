import { ShapeError } from '../errors.js';
import { type Pair, requireInteger } from './windows.js';

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
 * Refuses a shape that is not made of these fields, positive integers and pairs; the numbers of a pair are left to its use.
 *
 * @throws ShapeError
 */
export function checkShape(
  operation: string,
  shape: object,
  counts: Readonly<Record<string, number>>,
  pairs: Readonly<Record<string, Pair>> = {},
): void {
  checkFields(operation, shape, { ...counts, ...pairs });
  for (const name in counts) requireInteger(counts[name]!, 1, name, { operation, prefix: '' });
  for (const parameter in pairs) {
    if (pairs[parameter]!.length === 2) continue;
    throw new ShapeError({ operation, parameter, expected: 'a pair [height, width]', got: `${pairs[parameter]}` });
  }
}
