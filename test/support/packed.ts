import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-fs';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** What the published package is made of. */
const sources = [
  'src',
  'kernels',
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'vite.config.ts',
  'tsconfig.json',
];

/** The package as npm publishes it, and a project that has installed it. */
export interface Packed {
  readonly tarball: string;
  /** Has the unpacked package in its node_modules. */
  readonly project: string;
}

/** Packs the package, once for every state of its sources: test files that need it share what is made. */
export async function packed(): Promise<Packed> {
  const cache = join(root, 'node_modules/.cache/packed');
  const folder = join(cache, await sourceHash());
  const result = { tarball: join(folder, 'package.tgz'), project: join(folder, 'project') };
  if (existsSync(folder)) return result;
  await rm(cache, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(`${folder}-`);
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', made], { cwd: root });
  await rename(join(made, stdout.trim().split('\n').at(-1)!), join(made, 'package.tgz'));
  const installed = join(made, 'project/node_modules/ic-networks');
  await mkdir(installed, { recursive: true });
  const strip = 1;
  await pipeline(createReadStream(join(made, 'package.tgz')), createGunzip(), extract(installed, { strip }));
  await rename(made, folder);
  return result;
}

/**
 * A folder of the project with the files of another one, where what they import is installed: the packed package, and the
 * named ones of this repository.
 */
export async function consumer(name: string, files: string, ...packages: readonly string[]): Promise<string> {
  const { project } = await packed();
  const folder = join(project, name);
  await rm(folder, { recursive: true, force: true });
  await cp(files, folder, { recursive: true });
  await installBeside(project, packages);
  return folder;
}

/** Links packages of this repository into the project. */
export async function installBeside(project: string, packages: readonly string[]): Promise<void> {
  for (const name of packages) {
    const link = join(project, 'node_modules', name);
    if (existsSync(link)) continue;
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, 'node_modules', name), link, 'dir');
  }
}

async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of sources) {
    const path = join(root, source);
    const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
    const files = entries
      ? entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      : [path];
    for (const file of files.sort()) hash.update(file).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}
