import type { Random } from './random.js';

/** Mutants grow no further: what is to be found shows in small inputs. */
const longest = 2 ** 16;
const oddNumbers = [0, 1, 2, 3, 7, 8, 9, 16, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53 - 1];
const oddDigits = ['0', '-0', '-1', '1', '0.5', '1e9', '1e999', '2147483648', '4294967296', '9007199254740993'];
const oddTexts = ['', 'input', '__proto__', 'constructor', '__metadata__', '\ud800', '\0', '../../x', 'x'.repeat(3000)];
/** Pieces of JSON, and of what nests. */
const jsonPieces = [
  ...'{}[],:"\\0 ',
  'null',
  'true',
  '{}',
  '[]',
  '"a":1,',
  '\\u0000',
  '['.repeat(40),
  '{"a":'.repeat(40),
];

type Edit = (bytes: Uint8Array, random: Random) => Uint8Array;

/** A place in the bytes and a length from there on. */
function span(bytes: Uint8Array, random: Random): readonly [start: number, end: number] {
  const start = random.below(bytes.length + 1);
  const length = random.chance(0.7) ? random.below(9) : random.below(bytes.length - start + 1);
  return [start, Math.min(start + length, bytes.length)];
}

function joined(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
  return Uint8Array.from(Buffer.concat(bytes)).subarray(0, longest);
}

const overwrite: Edit = (bytes, random) => {
  const changed = bytes.slice();
  const [start, end] = span(bytes, random);
  const value = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
  for (let at = start; at < end; at++) changed[at] = random.chance(0.5) ? value : random.below(256);
  return changed;
};

const flipBit: Edit = (bytes, random) => {
  const changed = bytes.slice();
  const at = random.below(bytes.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
  return changed;
};

const writeNumber: Edit = (bytes, random) => {
  const size = random.pick([1, 2, 4, 8]);
  if (bytes.length < size) return bytes;
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(random.pick(oddNumbers)));
  const own = number.subarray(0, size);
  const changed = bytes.slice();
  changed.set(random.chance(0.5) ? own : own.reverse(), random.below(bytes.length - size + 1));
  return changed;
};

const remove: Edit = (bytes, random) => {
  const [start, end] = span(bytes, random);
  return joined(bytes.subarray(0, start), bytes.subarray(end));
};

const repeat: Edit = (bytes, random) => {
  const [start, end] = span(bytes, random);
  const times = random.pick([1, 1, 2, 50]);
  const copies = Array.from({ length: times }, () => bytes.subarray(start, end));
  return joined(bytes.subarray(0, end), ...copies, bytes.subarray(end));
};

const cut: Edit = (bytes, random) => bytes.slice(0, random.below(bytes.length + 1));

const insert: Edit = (bytes, random) => {
  const [start, end] = span(bytes, random);
  const piece = random.pick([random.pick(jsonPieces), JSON.stringify(random.pick(oddTexts)), random.pick(oddDigits)]);
  return joined(bytes.subarray(0, start), piece, bytes.subarray(random.chance(0.5) ? start : end));
};

/** Another number where there are digits. */
const changeDigits: Edit = (bytes, random) => {
  const text = Buffer.from(bytes).toString('latin1');
  const places = [...text.matchAll(/\d+/g)];
  if (places.length === 0) return bytes;
  const { 0: digits, index } = random.pick(places);
  const behind = bytes.subarray(index + digits.length);
  return joined(bytes.subarray(0, index), random.pick(oddDigits), behind);
};

const edits: readonly Edit[] = [overwrite, flipBit, writeNumber, remove, repeat, cut, insert, changeDigits];

/** The bytes with one to four changes. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let changed = bytes;
  for (let left = 1 + random.below(4); left > 0; left--) changed = random.pick(edits)(changed, random);
  return changed;
}

/** Where a value stands in another one. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** Changes one to four values anywhere in a value made of objects, lists, texts, numbers and bytes. */
export function mutateTree(root: object, random: Random): void {
  for (let left = 1 + random.below(4); left > 0; left--) {
    const places = placesIn(root);
    if (places.length === 0) return;
    const { holder, key } = random.pick(places);
    holder[key] = mutatedValue(holder[key], random, () => {
      const other = random.pick(places);
      return other.holder[other.key];
    });
  }
}

function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder)
    .filter((key) => !key.startsWith('$'))
    .flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

/** @param other gives a value from another place */
function mutatedValue(value: unknown, random: Random, other: () => unknown): unknown {
  const strange = other();
  if (typeof strange === typeof value && random.chance(0.3)) return copyOf(strange);
  if (typeof value === 'string') return random.pick(oddTexts);
  if (typeof value === 'number')
    return random.pick([...oddNumbers, ...oddNumbers.map((number) => -number), 0.5, 1e300]);
  if (typeof value === 'bigint') return BigInt(random.pick(oddNumbers)) * (random.chance(0.3) ? -1n : 1n);
  if (typeof value === 'boolean') return !value;
  if (value instanceof Uint8Array) return mutateBytes(value, random);
  if (Array.isArray(value)) return mutatedList(value, random);
  return random.chance(0.5) ? undefined : value;
}

function mutatedList(list: readonly unknown[], random: Random): unknown[] {
  const at = random.below(list.length + 1);
  const before = list.slice(0, at);
  const after = list.slice(at);
  return random.pick([
    [],
    [...before, ...after.slice(1)],
    [...before, ...after.slice(0, 1).map(copyOf), ...after],
    [...after, ...before],
    [...list, ...before.map(copyOf)],
  ]);
}

function copyOf(value: unknown): unknown {
  return structuredClone(value);
}
