import { createHash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readWithin } from '../io/readWithin.js';
import { type TuningStore, type TuningStoreOptions, textTuningStore } from './store.js';

/** Where in the file system measurements are kept. */
export interface FileTuningStoreOptions extends TuningStoreOptions {
  /** `ic-networks/tuning` in `XDG_CACHE_HOME` or `~/.cache` where left out. */
  readonly folder?: string;
}

/** A store of one JSON file for each adapter, for Node. A file appears whole or not at all. */
export function fileTuningStore({ folder = cacheFolder(), ...options }: FileTuningStoreOptions = {}): TuningStore {
  const pathOf = (adapter: string): string => join(folder, fileName(adapter));
  return textTuningStore(
    {
      name: pathOf,
      read: (adapter) => readText(pathOf(adapter)).catch(missing),
      write: (adapter, text) => replaceFile(pathOf(adapter), text),
    },
    options,
  );
}

function cacheFolder(): string {
  return join(resolve(process.env.XDG_CACHE_HOME || join(homedir(), '.cache')), 'ic-networks', 'tuning');
}

/** The adapter's name for people, and a hash of it for what file names cannot hold. */
function fileName(adapter: string): string {
  const words = adapter.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const hash = createHash('sha256').update(adapter).digest('hex').slice(0, 12);
  return `${[...words.slice(0, 4), hash].join('-')}.json`;
}

/** Thousands of results take a megabyte. */
const mostBytes = 2 ** 26;

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readWithin(path, mostBytes, 'tuning'));
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.part`;
  try {
    await writeFile(beside, text);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
