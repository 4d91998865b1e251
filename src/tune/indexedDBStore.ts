import { type TuningStore, type TuningStoreOptions, textTuningStore } from './store.js';

/** Where in the browser measurements are kept. */
export interface IndexedDBTuningStoreOptions extends TuningStoreOptions {
  /** The browser's own where left out. */
  readonly factory?: IDBFactory;
}

const databaseName = 'ic-networks';
const tableName = 'tuning';

/** A store in the browser's IndexedDB, one entry for each operation of an adapter. */
export function indexedDBTuningStore({ factory, ...options }: IndexedDBTuningStoreOptions = {}): TuningStore {
  const within = async <T>(mode: IDBTransactionMode, ask: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const database = await openDatabase(factory ?? indexedDB);
    try {
      const transaction = database.transaction(tableName, mode);
      const request = ask(transaction.objectStore(tableName));
      await completed(transaction);
      return request.result;
    } finally {
      database.close();
    }
  };
  return textTuningStore(
    {
      read: async () => {
        const texts = await within<string[]>('readonly', (table) => table.getAll());
        return texts.map((text) => ({ name: `IndexedDB ${databaseName}/${tableName}`, text }));
      },
      write: async (adapter, key, text) => {
        await within('readwrite', (table) => table.put(text, [adapter, key]));
      },
    },
    options,
  );
}

function openDatabase(factory: IDBFactory): Promise<IDBDatabase> {
  return new Promise((done, fail) => {
    const request = factory.open(databaseName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(tableName);
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((done, fail) => {
    transaction.oncomplete = () => done();
    transaction.onabort = () => fail(transaction.error);
  });
}
