import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UnsupportedError } from '../../src/errors.js';
import { repository } from '../provenance.js';

/**
 * Loads a package that whoever wants to compare with it adds.
 *
 * @param add - the command that adds it
 * @throws UnsupportedError with this command where the package is missing or does not load
 */
export function loadOptionalPackage<Module>(name: string, add: string): Module {
  try {
    return createRequire(join(repository, 'package.json'))(name) as Module;
  } catch (cause) {
    const [got] = (cause instanceof Error ? cause.message : String(cause)).split('\n') as [string];
    const expected = `it to be installed (${add})`;
    throw new UnsupportedError({ operation: 'bench', parameter: name, expected, got }, { cause });
  }
}
