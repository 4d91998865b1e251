import type { DataSource, Role, TestResult, TrainingSettings } from './protocol.js';

/*
 * Trainings as they stood, in the browser's IndexedDB, so that one goes on that a reload, a crash or a closed tab has ended.
 * Each belongs to the tab that trains it, which holds a lock of its name as long as it lives.
 */

/** Where a training stands. */
export interface Standing {
  /** Of the race under way. */
  readonly seed: number;
  /** Of networks in that race. */
  readonly checkpoints: ReadonlyMap<Role, Uint8Array>;
  /** Of races before. */
  readonly tests: readonly TestResult[];
}

/** What a training is, as told apart from where it stands. */
export interface RaceStart {
  readonly source: DataSource;
  readonly settings: TrainingSettings;
  /** Of its first race. */
  readonly seed: number;
  /** As data, by role. */
  readonly networks: unknown;
}

export interface KeptRace {
  readonly id: string;
  /** When it was kept, in milliseconds since 1970. */
  readonly at: number;
  readonly standing: Standing;
}

const databaseName = 'ic-networks demo';
/** Written once, as it may hold the files of a data set. */
const starts = 'starts';
const standings = 'standings';
/** Beside the one in training. */
const mostKept = 2;
const longestKept = 7 * 24 * 3600 * 1000;

const lockName = (id: string): string => `ic-networks training ${id}`;

/**
 * Makes a training this tab's until the answer is called.
 *
 * @returns undefined where another tab has it
 */
export function holdRace(id: string): Promise<(() => void) | undefined> {
  return new Promise((done, fail) => {
    navigator.locks
      .request(lockName(id), { ifAvailable: true }, (lock) => {
        if (!lock) return done(undefined);
        return new Promise<void>((release) => done(release));
      })
      .catch(fail);
  });
}

/** Keeps what a training is, and throws out what is too old, too much or was never begun. */
export async function keepStart(id: string, start: RaceStart): Promise<void> {
  const recent = (await abandonedRaces()).filter(({ at }) => Date.now() - at < longestKept).slice(0, mostKept);
  const taken = await takenLocks();
  const staying = (known: string): boolean => recent.some((race) => race.id === known) || taken.has(lockName(known));
  const known = await within<string[]>('readonly', (transaction) => transaction.objectStore(starts).getAllKeys());
  for (const old of known) if (!staying(old)) await forgetRace(old);
  await within('readwrite', (transaction) => transaction.objectStore(starts).put(start, id));
}

/** Keeps where it stands, in place of what was kept before. */
export async function keepStanding(id: string, standing: Standing): Promise<void> {
  const race: KeptRace = { id, at: Date.now(), standing };
  await within('readwrite', (transaction) => transaction.objectStore(standings).put(race, id));
}

export async function forgetRace(id: string): Promise<void> {
  await within('readwrite', (transaction) => {
    transaction.objectStore(starts).delete(id);
    return transaction.objectStore(standings).delete(id);
  });
}

/** The trainings that no tab trains any longer, the newest first. */
export async function abandonedRaces(): Promise<KeptRace[]> {
  const [races, taken] = await Promise.all([
    within<KeptRace[]>('readonly', (transaction) => transaction.objectStore(standings).getAll()),
    takenLocks(),
  ]);
  return races.filter(({ id }) => !taken.has(lockName(id))).sort((a, b) => b.at - a.at);
}

/** A training by its id; undefined where it is not kept, or not whole. */
export async function keptRace(id: string): Promise<(RaceStart & KeptRace) | undefined> {
  const start = await within<RaceStart | undefined>('readonly', (transaction) =>
    transaction.objectStore(starts).get(id),
  );
  const race = await within<KeptRace | undefined>('readonly', (transaction) =>
    transaction.objectStore(standings).get(id),
  );
  return start && race && { ...start, ...race };
}

async function takenLocks(): Promise<ReadonlySet<string>> {
  const { held = [] } = await navigator.locks.query();
  return new Set(held.map(({ name }) => name!));
}

async function within<T>(mode: IDBTransactionMode, ask: (transaction: IDBTransaction) => IDBRequest): Promise<T> {
  const database = await openDatabase();
  try {
    const transaction = database.transaction([starts, standings], mode);
    const request = ask(transaction);
    await new Promise<void>((done, fail) => {
      transaction.oncomplete = () => done();
      transaction.onabort = () => fail(transaction.error);
    });
    return request.result as T;
  } finally {
    database.close();
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((done, fail) => {
    const request = indexedDB.open(databaseName, 1);
    request.onupgradeneeded = () => {
      for (const name of [starts, standings]) request.result.createObjectStore(name);
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}
