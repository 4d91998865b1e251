import { mkdir, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileName } from '../io/fileName.js';
import { readWithin } from '../io/readWithin.js';
import { writeAtomically } from '../io/writeAtomically.js';
import { type NamedText, type TuningStore, type TuningStoreOptions, textTuningStore } from './store.js';

/** Where in the file system measurements are kept. */
export interface FileTuningStoreOptions extends TuningStoreOptions {
  /** `ic-networks/tuning` in `XDG_CACHE_HOME` or `~/.cache` where left out. */
  readonly folder?: string;
}

/**
 * A store of one folder for each adapter with one JSON file for each operation, for Node. A file appears whole or not at all,
 * and nobody writes what another one adds: any number of processes may use a folder at once.
 */
export function fileTuningStore({ folder = cacheFolder(), ...options }: FileTuningStoreOptions = {}): TuningStore {
  const folderOf = (adapter: string): string => join(folder, fileName(adapter));
  return textTuningStore(
    {
      async read(adapter) {
        const names = (await readdir(folderOf(adapter)).catch(missing)) ?? [];
        const paths = names.filter((name) => name.endsWith('.json')).map((name) => join(folderOf(adapter), name));
        const texts: NamedText[] = [];
        for (const path of paths) texts.push({ name: path, text: await readText(path) });
        return texts;
      },
      async write(adapter, key, text) {
        const path = join(folderOf(adapter), `${fileName(key)}.json`);
        await mkdir(dirname(path), { recursive: true });
        await writeAtomically(path, text);
      },
    },
    options,
  );
}

function cacheFolder(): string {
  return join(resolve(process.env.XDG_CACHE_HOME || join(homedir(), '.cache')), 'ic-networks', 'tuning');
}

/** A result takes some hundred bytes. */
const mostBytes = 2 ** 20;

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readWithin(path, mostBytes, 'tuning'));
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
