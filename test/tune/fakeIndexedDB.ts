/** As much of IndexedDB as the store asks for, in memory. */
export function fakeIndexedDB(): IDBFactory {
  const databases = new Map<string, Map<string, Map<string, unknown>>>();
  const later = (work: () => void): void => {
    setTimeout(work, 0);
  };
  const database = (tables: Map<string, Map<string, unknown>>) => ({
    createObjectStore: (name: string) => void tables.set(name, new Map()),
    close() {},
    transaction(name: string, mode: IDBTransactionMode) {
      const table = tables.get(name);
      if (!table) throw new DOMException(`no table ${name}`, 'NotFoundError');
      const transaction = {
        oncomplete: undefined as (() => void) | undefined,
        objectStore: () => ({
          getAll: () => ({ result: [...table.values()] }),
          put(value: unknown, key: IDBValidKey) {
            if (mode !== 'readwrite') throw new DOMException('read only', 'ReadOnlyError');
            table.set(JSON.stringify(key), value);
            return { result: key };
          },
        }),
      };
      later(() => transaction.oncomplete?.());
      return transaction;
    },
  });
  const factory = {
    open(name: string) {
      const request = {
        onsuccess: undefined as (() => void) | undefined,
        onupgradeneeded: undefined as (() => void) | undefined,
        result: undefined as unknown,
      };
      later(() => {
        const tables = databases.get(name) ?? new Map<string, Map<string, unknown>>();
        request.result = database(tables);
        if (!databases.has(name)) request.onupgradeneeded?.();
        databases.set(name, tables);
        request.onsuccess?.();
      });
      return request;
    },
  };
  return factory as unknown as IDBFactory;
}
