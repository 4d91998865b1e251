import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
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
  'tsconfig.build.json',
];

/** Outside the repository, whose packages would be found from anywhere inside. */
const cache = join(tmpdir(), `ic-networks-packed-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`);

/** Milliseconds without a sign of life after which whoever held the lock has died. */
const lockAge = 30_000;

/** The package as npm publishes it, and a project that has installed it. */
export interface Packed {
  readonly tarball: string;
  /** Has the unpacked package in its node_modules. */
  readonly project: string;
}

/** Packs the package, once for every state of its sources: test files that need it share what is made. */
export async function packed(): Promise<Packed> {
  const folder = join(cache, await sourceHash());
  const tarball = join(folder, 'package.tgz');
  // Two at a time would build into the same dist/.
  if (!existsSync(tarball)) await alone(`${cache}.lock`, async () => existsSync(tarball) || pack(folder));
  return { tarball, project: join(folder, 'project') };
}

async function pack(folder: string): Promise<void> {
  await rm(cache, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', work], { cwd: root });
  await rename(join(work, stdout.trim().split('\n').at(-1)!), join(work, 'package.tgz'));
  const installed = join(work, 'project/node_modules/ic-networks');
  await mkdir(installed, { recursive: true });
  const strip = 1;
  await pipeline(createReadStream(join(work, 'package.tgz')), createGunzip(), extract(installed, { strip }));
  // Without one, a package.json in a folder above would count for the project.
  await writeFile(join(work, 'project/package.json'), '{ "private": true }');
  await rename(work, folder);
}

/** Does a task while it alone holds the lock, a folder that only one can make, and keeps it fresh. */
async function alone(lock: string, task: () => Promise<unknown>): Promise<void> {
  while (!(await made(mkdir(lock)))) {
    const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > lockAge) await rm(lock, { recursive: true, force: true });
    else await pause(200);
  }
  const signs = setInterval(() => utimes(lock, new Date(), new Date()).catch(() => {}), 1000);
  try {
    await task();
  } finally {
    clearInterval(signs);
    await rm(lock, { recursive: true, force: true });
  }
}

/** Whether something was made; false where it was there. */
async function made(making: Promise<unknown>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
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
    await mkdir(dirname(link), { recursive: true });
    await made(symlink(join(root, 'node_modules', name), link, 'dir'));
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
