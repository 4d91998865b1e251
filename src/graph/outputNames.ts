import { ShapeError } from '../errors.js';
import { didYouMean } from '../names.js';
import type { Network } from './network.js';

/**
 * Refuses names that no layer of a network has.
 *
 * @throws ShapeError, with the nearest name
 */
export function checkOutputNames(operation: string, { name, layers }: Network, outputs: readonly string[]): void {
  const names = layers.map((layer) => layer.name);
  const unknown = outputs.find((output) => !names.includes(output));
  if (unknown === undefined) return;
  const expected = `names of layers of ${name}${didYouMean(unknown, names)}`;
  throw new ShapeError({ operation, parameter: 'outputs', expected, got: unknown });
}
