import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The root of the repository: the nearest folder with a package.json, wherever this was built to. */
export const repository = rootAbove(import.meta.dirname);

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}

/** Versions of this package, of Node and of other packages. */
export function versionsOf(packages: readonly string[]): Record<string, string> {
  const require = createRequire(join(repository, 'package.json'));
  const versionIn = (path: string): string => (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  return {
    'ic-networks': versionIn(join(repository, 'package.json')),
    node: process.versions.node,
    ...Object.fromEntries(packages.map((name) => [name, versionIn(require.resolve(`${name}/package.json`))])),
  };
}

/** The commit, with a `+` where files have changed since; empty outside of a clone. */
export function currentCommit(): string {
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+');
  } catch {
    return '';
  }
}
