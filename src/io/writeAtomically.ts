import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, open, readdir, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/** Ends the names of files that are still being written. */
const unfinished = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f]{16}\.part$/;
/** Where nobody can tell whether the writer lives, it is taken for dead when it has written nothing for so long. */
const longestPause = 24 * 3600e3;
/** What systems say that flush no folder, or not for everybody. */
const unflushable = ['EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'];

/**
 * Writes a file as a whole or not at all: beside its place, under a name that nothing else has, flushed to the disk, then
 * renamed. Of several that write one path at once, the last to finish has it. What writers of this path left behind when
 * they were killed is removed.
 *
 * @throws what the file system says; an older file of the name is then as it was.
 */
export async function writeAtomically(
  path: string,
  bytes: Uint8Array | string | AsyncIterable<Uint8Array>,
): Promise<void> {
  const place = await processPlace();
  await removeLeftovers(path, place);
  await withNewFile(temporaryName(path, place), bytes, (beside) => rename(beside, path));
  await flushFolder(dirname(path));
}

/**
 * Finds out whether {@link writeAtomically} can write a path, whose folder may not be there yet, and leaves no trace.
 *
 * @throws what the file system says: of a folder where a file is, of one that is closed or full, of a folder at the path.
 */
export async function checkWritable(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const status = await statusOf(folder);
  // Above the root of a drive there is nothing to look at.
  if (!status && folder !== resolve(path)) return checkWritable(folder);
  if (!status?.isDirectory()) throw fault('ENOTDIR', 'not a directory', folder);
  if ((await statusOf(path))?.isDirectory()) throw fault('EISDIR', 'is a directory', path);
  const beside = temporaryName(path, await processPlace());
  await withNewFile(beside, new Uint8Array(4096), () => rm(beside));
}

/** Writes a file that must not exist, and hands it on; it does not stay where either fails. */
async function withNewFile(
  path: string,
  bytes: Parameters<typeof writeAtomically>[1],
  handOn: (path: string) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    try {
      await writeFile(file, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await handOn(path);
  } catch (error) {
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}

/** Where this process has its number: host, and on Linux the container. */
async function processPlace(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${hostname()} ${namespace}`).digest('hex').slice(0, 8);
}

function temporaryName(path: string, place: string): string {
  return `${path}.${place}-${process.pid}-${randomBytes(8).toString('hex')}.part`;
}

/** Removes what is left of writers of a path that live no more. What cannot be removed is in nobody's way. */
async function removeLeftovers(path: string, place: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  const names = await readdir(folder).catch((): string[] => []);
  for (const found of names.filter((one) => one.startsWith(name))) {
    const [, itsPlace, number] = unfinished.exec(found.slice(name.length)) ?? [];
    if (itsPlace === undefined) continue;
    const left = join(folder, found);
    const writer = itsPlace === place ? Number(number) : undefined;
    if (await isAbandoned(left, writer)) await rm(left).catch(() => {});
  }
}

/** Whether nobody writes a file any more; `writer` is the number of a process of this place. */
async function isAbandoned(path: string, writer: number | undefined): Promise<boolean> {
  if (writer !== undefined && writer !== process.pid) return !isAlive(writer);
  const started = Date.now() - process.uptime() * 1000;
  // What is older than this process was written by an earlier one of its number.
  const since = writer === undefined ? Date.now() - longestPause : started;
  const status = await lstat(path).catch(() => undefined);
  return status !== undefined && status.mtimeMs < since;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Makes a change of names last, where a folder can be flushed. */
async function flushFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder);
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!unflushable.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function statusOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function fault(code: string, words: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${words}, write '${path}'`), { code });
}
