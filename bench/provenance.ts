import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The root of the repository: the nearest folder with a package.json, wherever this was built to. */
export const repository = rootAbove(import.meta.dirname);

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}

/** Versions of this package, of Node and of other packages; `unknown` where one cannot be read. */
export function versionsOf(packages: readonly string[]): Record<string, string> {
  const folders = createRequire(join(repository, 'package.json')).resolve.paths('any package') ?? [];
  return {
    'ic-networks': versionIn([repository]),
    node: process.versions.node,
    ...Object.fromEntries(packages.map((name) => [name, versionIn(folders.map((folder) => join(folder, name)))])),
  };
}

/** The version that the first of these folders with a package.json names, whether or not its package exports that file. */
export function versionIn(folders: readonly string[]): string {
  const file = folders.map((folder) => join(folder, 'package.json')).find(existsSync);
  try {
    const { version } = JSON.parse(readFileSync(file!, 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : 'unknown';
  } catch {
    return 'unknown';
  }
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
