type Constructor = new (...given: unknown[]) => { readonly byteLength: number };

const counted = ['ArrayBuffer', 'Uint8Array', 'Uint16Array', 'Uint32Array', 'Float32Array', 'Float64Array'] as const;

/**
 * The bytes of all arrays of numbers that are allocated while `work` runs, whether they are held or not: what code asks
 * for, whenever the collector comes. Views of what is there don't count, nor do Node's own buffers.
 */
export async function countAllocations(work: () => unknown): Promise<number> {
  let bytes = 0;
  const restore = counted.map((name) => {
    const original = globalThis[name] as unknown as Constructor;
    const counting: Constructor = new Proxy(original, {
      construct(target, given, newTarget) {
        const made = Reflect.construct(target, given, newTarget === counting ? target : newTarget);
        if (!(given[0] instanceof ArrayBuffer || given[0] instanceof SharedArrayBuffer)) bytes += made.byteLength;
        return made;
      },
    });
    const set = (value: unknown): void => {
      Object.assign(globalThis, { [name]: value });
      // What `slice` and `map` make is made by this one.
      Object.defineProperty(original.prototype, 'constructor', { value, configurable: true, writable: true });
    };
    set(counting);
    return () => set(original);
  });
  try {
    await work();
  } finally {
    for (const one of restore) one();
  }
  return bytes;
}
