import { ShapeError } from '../errors.js';
import { didYouMean } from '../names.js';

/** Every field of a shape: those that it has to have, and those that stand for a value where they are left out. */
export type Fields<Shape> = {
  readonly [Name in keyof Shape]-?: object extends Pick<Shape, Name> ? 'optional' : 'needed';
};

/**
 * Refuses a shape that lacks fields or has others, and names all of them at once.
 *
 * @throws ShapeError
 */
export function checkFields<Shape extends object>(operation: string, shape: Shape, fields: Fields<Shape>): void {
  const names = Object.keys(fields) as (keyof Shape & string)[];
  const [needed, optional] = ['needed', 'optional'].map((use) => names.filter((name) => fields[name] === use));
  const expected = needed!.join(', ') + (optional!.length > 0 ? ` and perhaps ${optional!.join(', ')}` : '');
  if (typeof shape !== 'object' || shape === null) {
    throw new ShapeError({ operation, parameter: 'shape', expected, got: String(shape) });
  }
  const missing = needed!.filter((name) => shape[name] === undefined);
  const unknown = Object.keys(shape).filter((name) => !Object.hasOwn(fields, name));
  if (missing.length + unknown.length === 0) return;
  const meant = names.filter((name) => shape[name] === undefined);
  const got = [
    ...(missing.length > 0 ? [`no ${missing.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`unknown ${unknown.map((name) => name + didYouMean(name, meant)).join(', ')}`] : []),
  ];
  throw new ShapeError({ operation, parameter: 'shape', expected, got: got.join('; ') });
}
