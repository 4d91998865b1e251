import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FormatError, ICError, LimitError, ShapeError, UnsupportedError } from '../../src/errors.js';
import {
  float32Tensor,
  planSafetensors,
  readSafetensors,
  type SafetensorsTensor,
  type SafetensorsType,
  toFloat32,
  writeSafetensors,
} from '../../src/io/safetensors.js';
import { expectError } from '../models/errors.js';

const sizes: Record<SafetensorsType, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2: 1,
  F8_E5M2FNUZ: 1,
  F8_E8M0: 1,
  F6_E2M3: 0.75,
  F6_E3M2: 0.75,
  F4: 0.5,
  C64: 8,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

function fileOf(header: string | Uint8Array, data = 0): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + data);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

function refusal(file: Uint8Array): FormatError {
  try {
    readSafetensors(file, 'x.safetensors');
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

function bytesOf(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

const aTensor = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(sizes) as SafetensorsType[])),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(255),
  })
  .filter(({ dtype, shape }) => Number.isInteger(shape.reduce((a, b) => a * b, 1) * sizes[dtype]))
  .map(({ dtype, shape, seed }): SafetensorsTensor => {
    const length = shape.reduce((a, b) => a * b, 1) * sizes[dtype];
    return { dtype, shape, bytes: Uint8Array.from({ length }, (_, index) => (index * 31 + seed) % 256) };
  });
const aName = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.nat(20).map(String), fc.constantFrom('toString', 'constructor', ''))
  .filter((name) => name !== '__proto__' && name !== '__metadata__');
const aFile = fc.record({
  tensors: fc.uniqueArray(fc.tuple(aName, aTensor), { selector: ([name]) => name, maxLength: 6 }),
  metadata: fc.dictionary(aName, fc.string({ unit: 'grapheme' }), { noNullPrototype: true }),
});

describe('safetensors', () => {
  it('gives back what was written, in the same order', () => {
    fc.assert(
      fc.property(aFile, ({ tensors, metadata }) => {
        const file = writeSafetensors(tensors, metadata);
        const read = readSafetensors(file);
        expect(read.metadata).toEqual(metadata);
        expect([...read.tensors]).toEqual(tensors);
        expect(Number(new DataView(file.buffer).getBigUint64(0, true)) % 8).toBe(0);
      }),
    );
  });

  it('reads a damaged file or says what is wrong with it', () => {
    const damage = fc.array(
      fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), value: fc.nat(255) }),
      { maxLength: 4 },
    );
    const cut = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: 1 });
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(aFile, damage, cut, ({ tensors, metadata }, changes, share) => {
        const whole = writeSafetensors(tensors, metadata);
        for (const { at, value } of changes) whole[Math.floor(at * whole.length)] = value;
        try {
          readSafetensors(whole.slice(0, Math.ceil(share * whole.length)));
          accepted++;
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
          refused++;
        }
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });

  it('reads a header in which any piece was swapped for another, or says what is wrong with it', () => {
    const pieces = ['{', '}', '[', ']', ',', ':', '"', '\\', '-', '1e9', '0.5', '"dtype"', '"F32"', 'null', '\n', '0'];
    const aHeader = fc.array(fc.constantFrom(...pieces), { maxLength: 12 });
    const valid = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    fc.assert(
      fc.property(aHeader, fc.nat(valid.length), fc.nat(8), (replacement, start, length) => {
        const header = valid.slice(0, start) + replacement.join('') + valid.slice(start + length);
        try {
          readSafetensors(fileOf(header, 8));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('agrees with JSON.parse about what is a JSON header', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(3), (value, indent) => {
        // Fields beyond the three of a tensor are left alone, so any JSON can stand in one.
        const tensor = { dtype: 'U8', shape: [0], data_offsets: [0, 0], other: value };
        expect(readSafetensors(fileOf(JSON.stringify({ a: tensor }, undefined, indent))).tensors.size).toBe(1);
      }),
    );
  });

  it('reads files of the reference implementation to the last byte', () => {
    const folder = new URL('../golden/', import.meta.url);
    const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) {
      const { tensors } = readSafetensors(readFileSync(new URL(name, folder)), name);
      expect(tensors.size).toBeGreaterThan(0);
      for (const tensor of tensors.values()) {
        expect(tensor.bytes.length).toBe(tensor.shape.reduce((a, b) => a * b, 1) * sizes[tensor.dtype]);
      }
    }
  });

  it('lays out header, padding and data as the format says', () => {
    const data = Float32Array.of(1, -2);
    const file = writeSafetensors([['w', float32Tensor([2, 1], data)]], { k: 'v' });
    const text = '{"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}';
    const padded = text.padEnd(Math.ceil(text.length / 8) * 8, ' ');
    expect(new DataView(file.buffer).getBigUint64(0, true)).toBe(BigInt(padded.length));
    expect(new TextDecoder().decode(file.subarray(8, 8 + padded.length))).toBe(padded);
    expect(file.subarray(8 + padded.length)).toEqual(new Uint8Array(data.buffer));
  });

  it('copies nothing when reading', () => {
    const file = writeSafetensors([
      ['a', { dtype: 'U8', shape: [3], bytes: bytesOf(1, 2, 3) }],
      ['b', { dtype: 'U8', shape: [1], bytes: bytesOf(4) }],
    ]);
    const outer = new Uint8Array(file.length + 5);
    outer.set(file, 5);
    const tensor = readSafetensors(outer.subarray(5)).tensors.get('b')!;
    expect(tensor.bytes.buffer).toBe(outer.buffer);
    expect(tensor.bytes).toEqual(bytesOf(4));
  });

  it('accepts an empty file of no tensors and numbers without dimensions', () => {
    expect(readSafetensors(fileOf('{}')).tensors.size).toBe(0);
    const { tensors } = readSafetensors(writeSafetensors([['x', float32Tensor([], Float32Array.of(3))]]));
    expect(tensors.get('x')!.shape).toEqual([]);
  });
});

describe('a hostile safetensors file', () => {
  const entry = (dtype: string, shape: string, offsets: string) =>
    `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
  const one = (dtype: string, shape: string, offsets: string) => `{"w":${entry(dtype, shape, offsets)}}`;
  const two = (first: string, second: string) =>
    `{"a":${entry('"U8"', '[4]', first)},"b":${entry('"U8"', '[4]', second)}}`;

  const cases: [what: string, header: string, data: number, where: string][] = [
    ['no JSON', '{"w"', 0, 'header, character 4'],
    ['text after the header', '{} x', 0, 'header, character 3'],
    ['a null after the header', '{}\0', 0, 'header, character 2'],
    ['an array for a header', '[]', 0, 'header'],
    ['space before the header', ' {}', 0, 'header'],
    ['an empty header', '', 0, 'header'],
    ['a byte order mark', '\ufeff{}', 0, 'header'],
    ['a comma too many', '{"__metadata__":{},}', 0, 'header, character 19'],
    ['a raw line feed in a name', '{"\n":1}', 0, 'header, character 1'],
    ['a word that is no value', '{"a":undefined}', 0, 'header, character 5'],
    ['a field beyond the three given twice', '{"w":{"x":{"y":1,"y":2}}}', 0, 'header, character 17'],
    ['a name that is no string', '{a:1}', 0, 'header, character 1'],
    ['a name given twice', `{"a":${entry('"U8"', '[0]', '[0,0]')},"a":${entry('"U8"', '[0]', '[0,0]')}}`, 0, 'header'],
    ['an escaped name given twice', '{"__metadata__":{"a":"1","\\u0061":"1"}}', 0, 'header, character 25'],
    ['a field given twice', '{"w":{"dtype":"U8","dtype":"U8"}}', 0, 'header, character 19'],
    ['metadata given twice', '{"__metadata__":{},"__metadata__":{}}', 0, 'header, character 19'],
    ['a tensor named __proto__', `{"__proto__":${entry('"U8"', '[0]', '[0,0]')}}`, 0, 'header'],
    ['metadata named __proto__', '{"__metadata__":{"__proto__":"x"}}', 0, '__metadata__'],
    ['half a surrogate pair', `{"\\ud800":${entry('"U8"', '[0]', '[0,0]')}}`, 0, 'header'],
    ['a number as metadata', '{"__metadata__":{"epoch":1}}', 0, '__metadata__, "epoch"'],
    ['metadata that is no object', '{"__metadata__":null}', 0, '__metadata__'],
    ['a tensor that is no object', '{"w":[]}', 0, 'tensor "w"'],
    ['a tensor without fields', '{"w":{}}', 0, 'tensor "w", dtype'],
    ['an unknown type', one('"F8"', '[1]', '[0,1]'), 1, 'tensor "w", dtype'],
    ['an inherited type', one('"toString"', '[1]', '[0,1]'), 1, 'tensor "w", dtype'],
    ['a type that is no string', one('4', '[1]', '[0,1]'), 1, 'tensor "w", dtype'],
    ['a shape that is no array', one('"U8"', '1', '[0,1]'), 1, 'tensor "w", shape'],
    ['a negative size', one('"U8"', '[-1,-1]', '[0,1]'), 1, 'tensor "w", shape'],
    ['a fractional size', one('"U8"', '[0.5,2]', '[0,1]'), 1, 'tensor "w", shape'],
    ['a size beyond 2^53', one('"U8"', '[9007199254740993]', '[0,1]'), 1, 'tensor "w", shape'],
    ['an infinite size', one('"U8"', '[1e999]', '[0,1]'), 1, 'tensor "w", shape'],
    ['a size that is a string', one('"U8"', '["1"]', '[0,1]'), 1, 'tensor "w", shape'],
    ['a product beyond 2^53', one('"U8"', '[4294967296,4294967296]', '[0,0]'), 0, 'tensor "w", shape'],
    ['a huge product made zero', one('"U8"', '[4294967296,4294967296,0]', '[0,0]'), 0, 'tensor "w", shape'],
    ['half a byte', one('"F4"', '[3]', '[0,2]'), 2, 'tensor "w", shape'],
    ['bytes beyond 2^53', one('"F64"', '[4503599627370496]', '[0,0]'), 0, 'tensor "w", shape'],
    ['one offset', one('"U8"', '[1]', '[0]'), 1, 'tensor "w", data_offsets'],
    ['three offsets', one('"U8"', '[1]', '[0,1,1]'), 1, 'tensor "w", data_offsets'],
    ['offsets beyond the file', one('"U8"', '[2]', '[0,2]'), 1, 'tensor "w", data_offsets'],
    ['offsets in reverse', one('"U8"', '[1]', '[1,0]'), 1, 'tensor "w", data_offsets'],
    ['a negative offset', one('"U8"', '[1]', '[-1,0]'), 1, 'tensor "w", data_offsets'],
    ['too few bytes', one('"F32"', '[2]', '[0,4]'), 4, 'tensor "w", data_offsets'],
    ['too many bytes', one('"F32"', '[0]', '[0,4]'), 4, 'tensor "w", data_offsets'],
    ['an overlap', two('[0,4]', '[3,7]'), 7, 'tensor "b", data_offsets'],
    ['one range for two', two('[0,4]', '[0,4]'), 4, 'tensor "b", data_offsets'],
    ['a hole', two('[5,9]', '[0,4]'), 9, 'tensor "a", data_offsets'],
    ['a hole at the start', one('"U8"', '[1]', '[1,2]'), 2, 'tensor "w", data_offsets'],
    ['bytes after the last tensor', one('"U8"', '[1]', '[0,1]'), 2, 'data'],
    ['data without tensors', '{}', 1, 'data'],
  ];

  it.each(cases)('is refused for %s', (_, header, data, where) => {
    const { parameter } = refusal(fileOf(header, data));
    expect(`${parameter},`).toContain(`x.safetensors, ${where},`.replace(/header,$/, 'header'));
  });

  it('is refused when shorter than the length of its header', () => {
    expect(refusal(bytesOf(1, 2, 3)).parameter).toBe('x.safetensors, header length');
    expect(refusal(fileOf('{}').subarray(0, 9)).parameter).toBe('x.safetensors, header length');
  });

  it('is refused when it claims a header of 2^64 - 1 bytes', () => {
    expect(refusal(new Uint8Array(16).fill(255)).got).toBe('18446744073709551615');
  });

  it('is refused for a header beyond what the format allows or what is read, even if the file is as large', () => {
    const file = new Uint8Array(8 + 100_000_001);
    new DataView(file.buffer).setBigUint64(0, 100_000_001n, true);
    expect(refusal(file).expected).toBe('at most 100000000');
    const longest = 2 ** 24;
    const padded = (length: number) => fileOf('{}'.padEnd(length));
    expect(readSafetensors(padded(longest)).tensors.size).toBe(0);
    expectError(() => readSafetensors(padded(longest + 1)), LimitError, { expected: `at most ${longest} bytes` });
  });

  it('is refused for more entries than are read', () => {
    const empty = entry('"U8"', '[0]', '[0,0]');
    const tensors = (count: number) => `{${Array.from({ length: count }, (_, index) => `"${index}":${empty}`)}}`;
    const texts = (count: number) =>
      `{"__metadata__":{${Array.from({ length: count }, (_, index) => `"${index}":""`)}}}`;
    expect(readSafetensors(fileOf(tensors(100_000))).tensors.size).toBe(100_000);
    for (const header of [tensors(100_001), texts(100_001)]) {
      expectError(() => readSafetensors(fileOf(header)), LimitError, {
        expected: 'at most 100000 members of an object',
      });
    }
  });

  it('is refused for more than eight dimensions', () => {
    expect(readSafetensors(fileOf(one('"U8"', '[1,1,1,1,1,1,1,1]', '[0,1]'), 1)).tensors.size).toBe(1);
    const nine = fileOf(one('"U8"', '[1,1,1,1,1,1,1,1,1]', '[0,1]'), 1);
    expectError(() => readSafetensors(nine, 'x'), LimitError, { parameter: 'x, tensor "w", shape', got: 'more' });
  });

  it.each([
    ['a shape of objects', one('"U8"', `[${'{},'.repeat(3_000_000)}{}]`, '[0,1]')],
    ['a shape of ones', one('"U8"', `[${'1,'.repeat(5_000_000)}1]`, '[0,1]')],
    ['a type of arrays', one(`[${'[],'.repeat(3_000_000)}[]]`, '[1]', '[0,1]')],
    ['metadata of objects', `{"__metadata__":{"a":[${'{},'.repeat(3_000_000)}{}]}}`],
    ['a field of objects', `{"w":{"x":[${'{},'.repeat(3_000_000)}{}],"dtype":1}}`],
  ])('of %s makes no values of them', (_, header) => {
    const file = fileOf(header);
    const parse = vi.spyOn(JSON, 'parse');
    try {
      expect(() => readSafetensors(file)).toThrow(ICError);
      expect(parse.mock.calls.length).toBeLessThan(30);
    } finally {
      parse.mockRestore();
    }
  });

  it('is refused for bytes that are no UTF-8', () => {
    const header = bytesOf(123, 34, 0xff, 34, 58, 49, 125);
    expect(refusal(fileOf(header)).expected).toBe('UTF-8');
  });

  it('does not exhaust the stack', () => {
    expect(refusal(fileOf(`{"a":{"b":${'['.repeat(1_000_000)}`)).expected).toBe('at most 16 levels');
    expect(refusal(fileOf(`{"a":${'{"a":'.repeat(1_000_000)}`)).expected).toBe('at most 16 levels');
    expect(refusal(fileOf(`{"a":"${'\\"'.repeat(1_000_000)}`)).expected).toBe('a string');
    expect(refusal(fileOf(`{"a":${'9'.repeat(1_000_000)}}`)).parameter).toBe('x.safetensors, tensor "a"');
  });

  it('cannot make an endless message', () => {
    const long = refusal(fileOf(`{"${'n'.repeat(1_000_000)}":"${'v'.repeat(1_000_000)}"}`));
    expect(long.message.length).toBeLessThan(1200);
    expect(long.parameter).toMatch(/^x\.safetensors, tensor "n+ \.\.\. n+"$/);
    const ones = `[${'1,'.repeat(100_000)}1]`;
    expect(() => readSafetensors(fileOf(one('"U8"', ones, '[0,0]')))).toThrow(LimitError);
  });
});

describe('writeSafetensors', () => {
  const tensor = float32Tensor([1], Float32Array.of(1));

  it('refuses names that a file cannot hold', () => {
    for (const name of ['__proto__', '__metadata__', '\ud800']) {
      expect(() => writeSafetensors([[name, tensor]])).toThrow(ShapeError);
    }
    const twice: [string, SafetensorsTensor][] = [
      ['a', tensor],
      ['a', tensor],
    ];
    expect(() => writeSafetensors(twice)).toThrow(/tensors: expected every name once, got "a" again/);
    expect(() => writeSafetensors([], JSON.parse('{"__proto__":"x"}'))).toThrow(ShapeError);
  });

  it('refuses whatever else its reader would', () => {
    const huge = () => planSafetensors([['x', { dtype: 'F32', shape: [2 ** 30, 2 ** 30] }]]);
    expectError(huge, ShapeError, { operation: 'writeSafetensors' });
    const numeric = () => writeSafetensors([['x', tensor]], JSON.parse('{"steps":3}'));
    expectError(numeric, ShapeError, { operation: 'writeSafetensors', parameter: 'file, __metadata__, "steps"' });
  });

  it('refuses bytes that do not fit the shape', () => {
    expect(() => writeSafetensors([['a', { ...tensor, shape: [2] }]])).toThrow(/expected 8 bytes for F32 \[2\], got 4/);
    expect(() => writeSafetensors([['a', { ...tensor, shape: [-1, -1] }]])).toThrow(ShapeError);
    expect(() => float32Tensor([3], new Float32Array(2))).toThrow(ShapeError);
    expect(() => writeSafetensors([['a', { dtype: 'F4', shape: [1], bytes: bytesOf(0) }]])).toThrow(
      /whole number of bytes/,
    );
  });
});

describe('toFloat32', () => {
  const little = (values: Uint16Array | Float32Array | Float64Array) => new Uint8Array(values.buffer);

  it('reads F32 where it lies, and copies it where it is not aligned', () => {
    const data = Float32Array.of(1.5, -0, Number.NaN, 3e38);
    const tensor = float32Tensor([4], data);
    expect(toFloat32(tensor).buffer).toBe(data.buffer);
    for (const shift of [1, 2, 3]) {
      const moved = Buffer.alloc(16 + shift);
      moved.set(tensor.bytes, shift);
      expect(toFloat32({ ...tensor, bytes: moved.subarray(shift) })).toEqual(data);
    }
  });

  it('reads every F16', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, index) => index);
    const values = toFloat32({ dtype: 'F16', shape: [65536], bytes: little(bits) });
    const expected = (index: number) => {
      const text = index.toString(2).padStart(16, '0');
      const exponent = Number.parseInt(text.slice(1, 6), 2);
      const fraction = Number.parseInt(text.slice(6), 2) / 1024;
      const size = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
      if (exponent === 31) return fraction > 0 ? Number.NaN : size > 0 && text[0] === '1' ? -Infinity : Infinity;
      return text[0] === '1' ? -size : size;
    };
    expect(values).toEqual(Float32Array.from(bits, expected));
    expect(values[0x3c00]).toBe(1);
    expect(values[0x7bff]).toBe(65504);
    expect(values[0x8001]).toBe(-(2 ** -24));
  });

  it('reads BF16 and F64', () => {
    const brain = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x0001, 0x7fc0);
    const values = toFloat32({ dtype: 'BF16', shape: [5], bytes: little(brain) });
    expect([...values]).toEqual([1, -2, Number.POSITIVE_INFINITY, 2 ** -133, Number.NaN]);
    const doubles = toFloat32({ dtype: 'F64', shape: [2], bytes: little(Float64Array.of(0.1, 1e300)) });
    expect([...doubles]).toEqual([Math.fround(0.1), Number.POSITIVE_INFINITY]);
  });

  it.each(Object.keys(sizes) as SafetensorsType[])('reads %s or says that it does not', (dtype) => {
    const read = () => toFloat32({ dtype, shape: [8], bytes: new Uint8Array(8 * sizes[dtype]) });
    if (['F64', 'F32', 'F16', 'BF16'].includes(dtype)) expect(read()).toEqual(new Float32Array(8));
    else expectError(read, UnsupportedError, { operation: 'toFloat32', got: dtype });
  });
});
