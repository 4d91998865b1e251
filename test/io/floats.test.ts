import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFloats, decodeFloatsInto, encodeFloats, largestFloat } from '../../src/io/floats.js';

const everyHalf = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);

function bitsOf(type: 'F16' | 'BF16', ...values: number[]): number[] {
  return [...new Uint16Array(encodeFloats(type, Float32Array.from(values)).buffer)];
}

function valuesOf(type: 'F16' | 'BF16', ...bits: number[]): number[] {
  return [...decodeFloats(type, new Uint8Array(Uint16Array.from(bits).buffer))];
}

describe('float16 and bfloat16', () => {
  it.each(['F16', 'BF16'] as const)('%s come back as they were, every one of them', (type) => {
    const values = decodeFloats(type, new Uint8Array(everyHalf.buffer));
    const back = new Uint16Array(encodeFloats(type, values).buffer);
    for (const bits of everyHalf) {
      if (Number.isNaN(values[bits]!)) expect(valuesOf(type, back[bits]!)[0]).toBeNaN();
      else if (back[bits] !== bits) expect(back[bits], `${values[bits]}`).toBe(bits);
    }
  });

  it.each([
    ['F16', 0x7bff],
    ['BF16', 0x7f7f],
  ] as const)('%s are the nearest to what lies between two of them, and the even one half-way', (type, last) => {
    const below = (value: number): number => {
      const bits = new Int32Array(Float32Array.of(value).buffer);
      bits[0]! -= value > 0 ? 1 : -1;
      return new Float32Array(bits.buffer)[0]!;
    };
    const values = decodeFloats(type, new Uint8Array(everyHalf.buffer));
    const middles = Array.from({ length: last }, (_, bits) => Math.fround((values[bits]! + values[bits + 1]!) / 2));
    for (const sign of [1, -1]) {
      const signBit = sign < 0 ? 0x8000 : 0;
      const rounded = bitsOf(type, ...middles.map((middle) => sign * middle));
      const lower = bitsOf(type, ...middles.map((middle) => sign * below(middle)));
      const upper = bitsOf(type, ...middles.map((middle) => sign * -below(-middle)));
      for (let bits = 0; bits < last; bits++) {
        const expected = [bits + (bits & 1), bits, bits + 1].map((near) => signBit | near);
        const got = [rounded[bits], lower[bits], upper[bits]];
        if (got.join() !== expected.join()) expect(got, `beside ${middles[bits]}`).toEqual(expected);
      }
    }
  });

  it('know subnormals, the largest number and what lies beyond', () => {
    expect(valuesOf('F16', 1, 0x3ff, 0x400, 0x7bff)).toEqual([2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504]);
    expect(valuesOf('BF16', 1, 0x7f, 0x80, 0x7f7f)).toEqual([2 ** -133, 127 * 2 ** -133, 2 ** -126, largestFloat.BF16]);
    expect(largestFloat.F16).toBe(65504);
    expect(bitsOf('F16', 65519, 65520, -1e9, 2 ** -26, -0)).toEqual([0x7bff, 0x7c00, 0xfc00, 0, 0x8000]);
    expect(bitsOf('BF16', largestFloat.F32, -largestFloat.F32)).toEqual([0x7f80, 0xff80]);
  });

  it('float32 keeps its bits', () => {
    fc.assert(
      fc.property(fc.array(fc.float()), (list) => {
        const values = Float32Array.from(list);
        expect(decodeFloats('F32', encodeFloats('F32', values))).toEqual(values);
      }),
    );
  });

  it('go into memory that is there, from bytes at any place', () => {
    const bytes = new Uint8Array(7);
    bytes.set(encodeFloats('F16', Float32Array.of(1.5, -2, 0.25)), 1);
    const target = new Float32Array(5).fill(9);
    expect([...decodeFloatsInto('F16', bytes.subarray(1), target)]).toEqual([1.5, -2, 0.25]);
    expect([...target]).toEqual([1.5, -2, 0.25, 9, 9]);
  });
});
