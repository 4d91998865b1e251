import { ShapeError } from '../errors.js';

/**
 * The form of a network that a family has.
 *
 * @throws ShapeError for one that it has not, with those that it has
 */
export function formOf<Forms extends object>(operation: string, parameter: string, forms: Forms, name: keyof Forms) {
  if (Object.hasOwn(forms, name)) return forms[name];
  const expected = Object.keys(forms).join(', ');
  throw new ShapeError({ operation, parameter, expected, got: String(name) });
}
