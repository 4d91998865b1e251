import { FormatError } from '../errors.js';
import type { Machine } from '../ops/machine.js';
import {
  decodeTuning,
  encodeTuning,
  type TunedForm,
  type TuningRecord,
  type TuningScope,
  tuningScope,
  version,
} from './record.js';

/** Remembers results of measuring. What it cannot read or write it does without: everything can be measured again. */
export interface TuningStore {
  /** What is remembered for a scope; undefined where there is nothing. */
  load(scope: TuningScope): Promise<ReadonlyMap<string, TunedForm>>;
  /** Adds results, in place of older ones with the same keys. */
  add(scope: TuningScope, results: ReadonlyMap<string, TunedForm>): Promise<void>;
  /** What `calibrate` found of the scope's adapter. */
  loadMachine(scope: TuningScope): Promise<Machine | undefined>;
  /** Keeps it, in place of what was known. */
  addMachine(scope: TuningScope, machine: Machine): Promise<void>;
}

/** What every store of measurements takes. */
export interface TuningStoreOptions {
  /** Told once of whatever cannot be read or written. */
  readonly onWarning?: (message: string) => void;
}

/** A text that is kept, and what it is called in warnings. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** Where a store keeps a text for each operation. */
export interface TextPlace {
  /** All that is kept for an adapter. */
  read(adapter: string): Promise<readonly NamedText[]>;
  /** Keeps the text of an operation in place of an older one, and touches no other's: several may write at once. */
  write(adapter: string, key: string, text: string): Promise<void>;
}

/** Where the machine is kept among the operations, none of which is called so. */
const machineKey = 'machine';

/** A store of texts in the form of {@link encodeTuning}; those of other versions of the package are not used. */
export function textTuningStore(place: TextPlace, { onWarning }: TuningStoreOptions = {}): TuningStore {
  const warned = new Set<string>();
  const warn = (what: string, error: unknown): void => {
    const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    if (!warned.has(message)) onWarning?.(message);
    warned.add(message);
  };

  function recordOf({ name, text }: NamedText, scope: TuningScope): TuningRecord | undefined {
    try {
      const record = decodeTuning(text, name);
      return record.version === scope.version && record.adapter === scope.adapter ? record : undefined;
    } catch (error) {
      warn('Remembered measurements are not used', error);
      return undefined;
    }
  }

  async function recordsOf(scope: TuningScope): Promise<TuningRecord[]> {
    try {
      const texts = await place.read(scope.adapter);
      return texts.map((text) => recordOf(text, scope)).filter((record) => record !== undefined);
    } catch (error) {
      warn('Remembered measurements are not used', error);
      return [];
    }
  }

  /** Ends when what was asked for last is kept: of two with the same key the later one counts. */
  let turn: Promise<void> = Promise.resolve();

  function keep(key: string, record: TuningRecord): Promise<void> {
    turn = turn.then(async () => {
      try {
        await place.write(record.adapter, key, encodeTuning(record));
      } catch (error) {
        warn('Measurements are not remembered', error);
      }
    });
    return turn;
  }

  return {
    load: async (scope) => new Map((await recordsOf(scope)).flatMap(({ results }) => [...results])),
    async add(scope, results) {
      await Promise.all([...results].map(([key, form]) => keep(key, { ...scope, results: new Map([[key, form]]) })));
    },
    loadMachine: async (scope) => (await recordsOf(scope)).find(({ machine }) => machine)?.machine,
    addMachine: (scope, machine) => keep(machineKey, { ...scope, results: new Map(), machine }),
  };
}

/** A store that lasts as long as the program. */
export function memoryTuningStore(): TuningStore {
  const texts = new Map<string, string>();
  return textTuningStore({
    read: async () => Array.from(texts.values(), (text) => ({ name: 'memory', text })),
    write: async (adapter, key, text) => {
      texts.set(JSON.stringify([adapter, key]), text);
    },
  });
}

/** The results that a store holds for a device, as JSON for {@link importTuning}. */
export async function exportTuning(device: GPUDevice, store: TuningStore): Promise<string> {
  const scope = tuningScope(device);
  const machine = await store.loadMachine(scope);
  return encodeTuning({ ...scope, results: await store.load(scope), ...(machine && { machine }) });
}

/**
 * Adds results that {@link exportTuning} gave to a store, for the adapter that they were measured on.
 *
 * @param where - named in errors
 * @throws FormatError for anything else, and for results of another version of this package; LimitError for more than a
 *   million values.
 */
export async function importTuning(store: TuningStore, text: string, where = 'import'): Promise<TuningRecord> {
  const record = decodeTuning(text, where);
  if (record.version !== version) {
    const parameter = `${where}: version`;
    throw new FormatError({ operation: 'importTuning', parameter, expected: version, got: record.version });
  }
  const scope = { adapter: record.adapter, version };
  await store.add(scope, record.results);
  if (record.machine) await store.addMachine(scope, record.machine);
  return record;
}
