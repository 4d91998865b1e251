import { FormatError } from '../errors.js';
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
}

/** What every store of measurements takes. */
export interface TuningStoreOptions {
  /** Told once of whatever cannot be read or written. */
  readonly onWarning?: (message: string) => void;
}

/** Where a store keeps the text of each adapter. */
export interface TextPlace {
  /** Named in warnings. */
  name(adapter: string): string;
  read(adapter: string): Promise<string | undefined>;
  write(adapter: string, text: string): Promise<void>;
}

/** A store of texts in the form of {@link encodeTuning}; those of other versions of the package are not used. */
export function textTuningStore(place: TextPlace, { onWarning }: TuningStoreOptions = {}): TuningStore {
  const warned = new Set<string>();
  const warn = (what: string, error: unknown): void => {
    const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    if (!warned.has(message)) onWarning?.(message);
    warned.add(message);
  };

  async function load(scope: TuningScope): Promise<ReadonlyMap<string, TunedForm>> {
    try {
      const text = await place.read(scope.adapter);
      if (text === undefined) return new Map();
      const record = decodeTuning(text, place.name(scope.adapter));
      return record.version === scope.version && record.adapter === scope.adapter ? record.results : new Map();
    } catch (error) {
      warn('Remembered measurements are not used', error);
      return new Map();
    }
  }

  /** Ends when the addition asked for last has: each reads what the one before wrote. */
  let turn: Promise<void> = Promise.resolve();

  return {
    load,
    add(scope, results) {
      turn = turn.then(async () => {
        const merged = new Map([...(await load(scope)), ...results]);
        const text = encodeTuning({ ...scope, results: merged });
        await place.write(scope.adapter, text).catch((error) => warn('Measurements are not remembered', error));
      });
      return turn;
    },
  };
}

/** A store that lasts as long as the program. */
export function memoryTuningStore(): TuningStore {
  const texts = new Map<string, string>();
  return textTuningStore({
    name: (adapter) => `memory of ${adapter}`,
    read: async (adapter) => texts.get(adapter),
    write: async (adapter, text) => {
      texts.set(adapter, text);
    },
  });
}

/** The results that a store holds for a device, as JSON for {@link importTuning}. */
export async function exportTuning(device: GPUDevice, store: TuningStore): Promise<string> {
  const scope = tuningScope(device);
  return encodeTuning({ ...scope, results: await store.load(scope) });
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
  await store.add({ adapter: record.adapter, version }, record.results);
  return record;
}
