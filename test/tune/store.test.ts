import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FormatError, LimitError } from '../../src/errors.js';
import { fileTuningStore } from '../../src/tune/fileStore.js';
import { indexedDBTuningStore } from '../../src/tune/indexedDBStore.js';
import { decodeTuning, encodeTuning, type TunedForm, version } from '../../src/tune/record.js';
import { importTuning, memoryTuningStore, type TuningStore } from '../../src/tune/store.js';
import { fakeIndexedDB } from './fakeIndexedDB.js';

const scope = { adapter: 'vendor chip (driver 1.2), subgroups of 32, float16', version };
const tuned = (pixels: number): TunedForm => ({
  form: { family: 'subgroup', tile: { vector: 4, pixels } },
  milliseconds: 0.25,
  heuristic: { family: 'naive', tile: {} },
  heuristicMilliseconds: 0.5,
});
const { heuristicMilliseconds: _, ...withoutHeuristic } = tuned(2);
const results = new Map([
  ['conv2d 1x2', tuned(1)],
  ['__proto__', withoutHeuristic],
]);

let folder: string;
let warnings: string[];
const onWarning = (message: string) => warnings.push(message);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icnet-tuning-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const stores: Record<string, () => TuningStore> = {
  memory: () => memoryTuningStore(),
  'a file': () => fileTuningStore({ folder: join(folder, 'deep', 'below'), onWarning }),
  IndexedDB: () => indexedDBTuningStore({ factory: fakeIndexedDB(), onWarning }),
};

describe.each(Object.entries(stores))('a store in %s', (_, create) => {
  it('remembers by adapter and version, and adds', async () => {
    const store = create();
    expect(await store.load(scope)).toEqual(new Map());
    await store.add(scope, results);
    expect(await store.load(scope)).toEqual(results);
    expect(await store.load({ ...scope, version: '0.0.1' })).toEqual(new Map());
    expect(await store.load({ ...scope, adapter: 'another' })).toEqual(new Map());

    const more = ['a', 'b', 'c'].map((key, index) => new Map([[key, tuned(index)]]));
    await Promise.all([...more, new Map([['conv2d 1x2', tuned(9)]])].map((one) => store.add(scope, one)));
    const all = await store.load(scope);
    expect([...all.keys()].sort()).toEqual(['__proto__', 'a', 'b', 'c', 'conv2d 1x2']);
    expect(all.get('conv2d 1x2')).toEqual(tuned(9));
    expect(warnings).toEqual([]);
  });
});

describe('the file store', () => {
  const allFiles = async () => {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true });
    return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  };

  it('keeps one readable file an operation, a folder for each adapter, and leaves nothing else', async () => {
    const store = fileTuningStore({ folder });
    await store.add(scope, results);
    await store.add({ ...scope, adapter: 'vendor chip (driver 1.3), subgroups of 32, float16' }, results);
    const names = await readdir(folder);
    expect(names).toHaveLength(2);
    for (const name of names) {
      expect(name).toMatch(/^vendor-chip-driver-1-[0-9a-f]{12}$/);
      const files = (await readdir(join(folder, name))).sort();
      expect(files).toEqual(['__proto__.json', expect.stringMatching(/^conv2d-1x2-[0-9a-f]{12}\.json$/)]);
      const path = join(folder, name, files[1]!);
      const key = 'conv2d 1x2';
      expect(decodeTuning(await readFile(path, 'utf8'), path).results).toEqual(new Map([[key, results.get(key)]]));
    }
  });

  it('keeps what three stores add to one folder at once', async () => {
    const adding = [0, 1, 2].flatMap((part) => {
      const store = fileTuningStore({ folder, onWarning });
      return Array.from({ length: 100 }, (_, index) =>
        store.add(scope, new Map([[`${part} of ${index}`, tuned(index)]])),
      );
    });
    await Promise.all(adding);
    const kept = await fileTuningStore({ folder, onWarning }).load(scope);
    expect(kept.size).toBe(300);
    expect(kept.get('2 of 99')).toEqual(tuned(99));
    expect(warnings).toEqual([]);
    expect(await allFiles()).toHaveLength(300);
  });

  it('lasts beyond the store', async () => {
    await fileTuningStore({ folder }).add(scope, results);
    expect(await fileTuningStore({ folder }).load(scope)).toEqual(results);
  });

  it('ignores a damaged file with one warning, and replaces it', async () => {
    await fileTuningStore({ folder }).add(scope, results);
    const path = (await allFiles()).find((file) => file.includes('conv2d'))!;
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, 100));
    const store = fileTuningStore({ folder, onWarning });
    const others = new Map([['__proto__', withoutHeuristic]]);
    expect(await store.load(scope)).toEqual(others);
    expect(await store.load(scope)).toEqual(others);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(path);

    await store.add(scope, new Map([['conv2d 1x2', tuned(3)]]));
    expect(await store.load(scope)).toEqual(new Map([...others, ['conv2d 1x2', tuned(3)]]));
    expect(warnings).toHaveLength(1);
  });

  it('says what it could not read again, and keeps the rest', async () => {
    const store = fileTuningStore({ folder, onWarning });
    await store.add(scope, new Map([['odd', { ...tuned(1), milliseconds: Number.NaN }], ...results]));
    expect(await store.load(scope)).toEqual(results);
    expect(warnings).toEqual([expect.stringMatching(/^Measurements are not remembered: .*odd: milliseconds/)]);
  });

  it('ignores a file of another version without a word', async () => {
    const old = { ...scope, version: '0.0.1' };
    await fileTuningStore({ folder }).add(old, results);
    const store = fileTuningStore({ folder, onWarning });
    expect(await store.load(scope)).toEqual(new Map());
    await store.add(scope, new Map([['new', tuned(3)]]));
    expect(await store.load(scope)).toEqual(new Map([['new', tuned(3)]]));
    expect(warnings).toEqual([]);
  });

  it('does without where nothing can be written', async () => {
    const blocked = join(folder, 'blocked');
    await writeFile(blocked, 'not a folder');
    await chmod(blocked, 0o400);
    const store = fileTuningStore({ folder: join(blocked, 'below'), onWarning });
    await store.add(scope, results);
    expect(warnings.at(-1)).toMatch(/^Measurements are not remembered: /);
  });
});

describe('import', () => {
  it('takes what export gives', async () => {
    const store = memoryTuningStore();
    const record = await importTuning(store, encodeTuning({ ...scope, results }));
    expect(record).toEqual({ ...scope, results });
    expect(await store.load(scope)).toEqual(results);
  });

  const valid = JSON.parse(encodeTuning({ ...scope, results: new Map([['key', tuned(1)]]) })) as {
    results: { key: Record<string, unknown> };
  };
  const changed = (changes: Record<string, unknown>) => JSON.stringify({ ...valid, ...changes });
  const changedResult = (changes: Record<string, unknown>) =>
    changed({ results: { key: { ...valid.results.key, ...changes } } });

  it.each([
    ['no JSON', '{', 'text'],
    ['lists in lists', changed({ adapter: 'HERE' }).replace('"HERE"', '['.repeat(100_000)), 'text'],
    ['a name given twice', '{"format":1,"format":1}', 'text'],
    ['a list', '[]', 'text'],
    ['null', 'null', 'text'],
    ['another format', changed({ format: 'other' }), 'format'],
    ['no adapter', changed({ adapter: '' }), 'adapter'],
    ['no version', changed({ version: undefined }), 'version'],
    ['another version', changed({ version: '99.0.0' }), 'version'],
    ['a list of results', changed({ results: [] }), 'results'],
    ['a result of nothing', changed({ results: { key: null } }), 'key'],
    ['no form', changedResult({ form: undefined }), 'form'],
    ['a form without a family', changedResult({ form: { tile: {} } }), 'form.family'],
    ['a form without a tile', changedResult({ form: { family: 'naive' } }), 'form.tile'],
    ['a tile of words', changedResult({ form: { family: 'naive', tile: { edge: '4' } } }), 'form.tile.edge'],
    ['a time in words', changedResult({ milliseconds: 'fast' }), 'milliseconds'],
    ['a time below 0', changedResult({ milliseconds: -1 }), 'milliseconds'],
    ['a heuristic of numbers', changedResult({ heuristic: 3 }), 'heuristic'],
    ["no time of the heuristic's", changedResult({ heuristicMilliseconds: null }), 'heuristicMilliseconds'],
  ])('refuses %s', async (_, text, parameter) => {
    const store = memoryTuningStore();
    const importing = importTuning(store, text, 'some.json');
    await expect(importing).rejects.toThrow(FormatError);
    await expect(importing).rejects.toThrow(`some.json: `);
    await expect(importing).rejects.toThrow(parameter);
    expect(await store.load(scope)).toEqual(new Map());
  });

  it('refuses more values than are read', async () => {
    const many = changed({ results: 'HERE' }).replace('"HERE"', `[${'0,'.repeat(1_000_000)}0]`);
    await expect(importTuning(memoryTuningStore(), many)).rejects.toThrow(LimitError);
  });
});
