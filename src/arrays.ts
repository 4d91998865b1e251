import { ShapeError } from './errors.js';

/** What a value is, in the language's own words: `Float32Array`, `Array`, `Undefined`; the same whichever window it is from. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/**
 * Refuses data of another kind than it is read as: a typed array's bytes would be taken for what they are not.
 *
 * @throws ShapeError naming the operation and parameter
 */
export function requireKind(operation: string, parameter: string, data: unknown, ...kinds: readonly string[]): void {
  if (kinds.includes(kindOf(data))) return;
  throw new ShapeError({
    operation,
    parameter,
    expected: `a ${kinds.join(' or a ')}`,
    got: `a value of ${kindOf(data)}`,
  });
}
