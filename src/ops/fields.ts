import { ShapeError } from '../errors.js';

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
  const given: Readonly<Record<string, unknown>> = Object(shape);
  const named = (use: string): string[] => Object.keys(fields).filter((name) => fields[name as keyof Shape] === use);
  const [needed, optional] = [named('needed'), named('optional')];
  const faults = {
    no: needed.filter((name) => given[name] === undefined),
    unknown: Object.keys(given).filter((name) => !Object.hasOwn(fields, name)),
  };
  const got = Object.entries(faults).filter(([, names]) => names.length > 0);
  if (got.length === 0) return;
  throw new ShapeError({
    ...{ operation, parameter: 'shape' },
    expected: needed.join(', ') + (optional.length > 0 ? ` and perhaps ${optional.join(', ')}` : ''),
    got: got.map(([fault, names]) => `${fault} ${names.join(', ')}`).join('; '),
  });
}
