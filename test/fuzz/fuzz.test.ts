import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { fuzz } from './fuzz.js';
import { readers } from './readers.js';

describe('readers of files from elsewhere', () => {
  // `npm run fuzz` tries as many as one likes.
  it.each(Object.entries(readers))('read or refuse broken inputs: %s', async (_, reader) => {
    const { refused, accepted, wrong } = await fuzz(reader, { count: 200, seed: 20_210_203 });
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(0);
    expect(accepted).toBeGreaterThan(0);
  });
});

describe('fuzz', () => {
  const reader = (read: (input: Uint8Array) => unknown) => ({
    mutant: () => Uint8Array.of(1, 2, 3),
    read,
  });
  const refusal = (got: string) => new FormatError({ operation: 'read', parameter: 'file', expected: 'another', got });

  it('counts what is refused and what is accepted', async () => {
    let turn = 0;
    const half = reader(() => {
      if (turn++ % 2 === 0) throw refusal('this');
    });
    expect(await fuzz(half, { count: 10, seed: 1 })).toMatchObject({ tried: 10, refused: 5, accepted: 5, wrong: [] });
  });

  it.each([
    ['an error of no type of ours', () => Promise.reject(new TypeError('x is undefined')), 'x is undefined'],
    ['nothing thrown', () => Promise.reject(undefined), 'nothing was thrown'],
    ['a text thrown', () => Promise.reject('text'), 'threw text'],
    ['slowness', () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60), 'slow'],
  ])('finds %s', async (_, read, what) => {
    const { wrong, refused, accepted } = await fuzz(reader(read), {
      count: 1,
      seed: 1,
      first: 7,
      slowMilliseconds: 50,
    });
    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toMatchObject({ input: 7, what: expect.stringContaining(what) });
    expect(refused + accepted).toBe(0);
  });

  it('gives the same inputs for the same seed, and the one that is asked for', async () => {
    const inputs = async (first: number, count: number, seed: number): Promise<string[]> => {
      const seen: string[] = [];
      const { mutant } = readers.safetensors!;
      await fuzz({ mutant, read: (input) => seen.push(Buffer.from(input).toString('hex')) }, { first, count, seed });
      return seen;
    };
    const all = await inputs(0, 20, 3);
    expect(await inputs(0, 20, 3)).toEqual(all);
    expect(await inputs(12, 1, 3)).toEqual([all[12]]);
    expect(await inputs(0, 20, 4)).not.toEqual(all);
  });
});
