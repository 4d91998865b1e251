import type { SharpConstructor } from 'sharp';
import { ICError } from '../errors.js';

let loading: Promise<SharpConstructor> | undefined;

/**
 * The package that decodes and encodes pictures.
 *
 * @throws ICError where it is not installed.
 */
export function loadSharp(): Promise<SharpConstructor> {
  loading ??= import('sharp').then(
    ({ default: sharp }) => sharp,
    (cause: unknown) => {
      const expected = 'the package to be installed, which decodes and encodes pictures (npm install sharp)';
      const details = {
        operation: 'decodePicture',
        parameter: 'sharp',
        expected,
        got: (cause as Error).message.split('\n')[0]!,
      };
      throw new ICError(details, { cause });
    },
  );
  return loading;
}
