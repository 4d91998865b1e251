import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignUp, type Lifetime, planMemory } from '../../src/graph/memory.js';
import { operationList, planArena } from '../../src/graph/operations.js';
import type { Operand, OperationPlan } from '../../src/ops/plan.js';

const lifetimes = fc
  .array(fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(20), length: fc.nat(8) }), {
    minLength: 1,
    maxLength: 40,
  })
  .map((list) =>
    list.map(({ bytes, first, length }, i): Lifetime => ({ id: `t${i}`, bytes, first, last: first + length })),
  );
const alignments = fc.constantFrom(4, 16, 256);

/** The bytes that are alive at the busiest moment. */
function mostAlive(tensors: readonly Lifetime[]): number {
  const at = (moment: number) =>
    tensors.filter(({ first, last }) => first <= moment && moment <= last).reduce((sum, { bytes }) => sum + bytes, 0);
  return Math.max(...tensors.map(({ first }) => at(first)));
}

describe('planMemory', () => {
  it('gives every tensor an aligned place inside the arena', () => {
    fc.assert(
      fc.property(lifetimes, alignments, (tensors, alignment) => {
        const { arenaBytes, places } = planMemory(tensors, alignment);
        expect([...places.keys()].sort()).toEqual(tensors.map(({ id }) => id).sort());
        for (const { id, bytes } of tensors) {
          expect(places.get(id)!.offset % alignment).toBe(0);
          expect(places.get(id)!.offset + bytes).toBeLessThanOrEqual(arenaBytes);
        }
      }),
    );
  });

  it('never lets tensors overlap that are alive at the same time', () => {
    fc.assert(
      fc.property(lifetimes, alignments, (tensors, alignment) => {
        const { places } = planMemory(tensors, alignment);
        for (const [i, a] of tensors.entries()) {
          for (const b of tensors.slice(i + 1)) {
            const together = a.first <= b.last && b.first <= a.last;
            const [startA, startB] = [places.get(a.id)!.offset, places.get(b.id)!.offset];
            const apart = startA + a.bytes <= startB || startB + b.bytes <= startA;
            expect(!together || apart, `${a.id} and ${b.id}`).toBe(true);
          }
        }
      }),
    );
  });

  it('needs no less than what is alive at once, and no more than all of it', () => {
    fc.assert(
      fc.property(lifetimes, alignments, (tensors, alignment) => {
        const { arenaBytes } = planMemory(tensors, alignment);
        const all = tensors.reduce((sum, { bytes }) => sum + alignUp(bytes, alignment), 0);
        expect(arenaBytes).toBeGreaterThanOrEqual(mostAlive(tensors));
        expect(arenaBytes).toBeLessThanOrEqual(all);
      }),
    );
  });

  it('uses memory again: a chain takes two neighbours, however long it is', () => {
    const chain = Array.from({ length: 50 }, (_, i): Lifetime => ({ id: `${i}`, bytes: 256, first: i, last: i + 1 }));
    expect(planMemory(chain, 256).arenaBytes).toBe(512);
  });

  it('puts a small tensor into the gap that a dead one leaves', () => {
    const { arenaBytes, places } = planMemory(
      [
        { id: 'dies', bytes: 512, first: 0, last: 1 },
        { id: 'stays', bytes: 512, first: 0, last: 3 },
        { id: 'comes', bytes: 256, first: 2, last: 3 },
      ],
      256,
    );
    expect(arenaBytes).toBe(1024);
    expect(places.get('comes')).toEqual({ buffer: 0, offset: 0 });
  });

  it('takes a further buffer where one would be too large, and no more than a tensor needs', () => {
    fc.assert(
      fc.property(lifetimes, alignments, fc.integer({ min: 3000, max: 9000 }), (tensors, alignment, largest) => {
        const { arenaBytes, buffers, places } = planMemory(tensors, alignment, largest);
        expect(arenaBytes).toBe(buffers.reduce((sum, bytes) => sum + bytes, 0));
        for (const { id, bytes } of tensors) {
          const { buffer, offset } = places.get(id)!;
          if (bytes > largest) expect(offset).toBe(0);
          else expect(offset + bytes).toBeLessThanOrEqual(largest);
          expect(offset + bytes).toBeLessThanOrEqual(buffers[buffer]!);
        }
        for (const [i, a] of tensors.entries()) {
          for (const b of tensors.slice(i + 1)) {
            const [placeA, placeB] = [places.get(a.id)!, places.get(b.id)!];
            if (a.first > b.last || b.first > a.last || placeA.buffer !== placeB.buffer) continue;
            const apart = placeA.offset + a.bytes <= placeB.offset || placeB.offset + b.bytes <= placeA.offset;
            expect(apart, `${a.id} and ${b.id}`).toBe(true);
          }
        }
      }),
    );
  });

  it('uses the memory that there is, where what stays keeps its place, and adds buffers for what does not fit', () => {
    fc.assert(
      fc.property(lifetimes, lifetimes, alignments, fc.nat(3), (tensors, others, alignment, count) => {
        const largest = 9000;
        const stays = tensors.slice(0, count).map((tensor) => ({ ...tensor, last: 99 }));
        const before = planMemory([...stays, ...tensors.slice(count)], alignment, largest);
        const kept = new Map(stays.map(({ id }) => [id, before.places.get(id)!]));
        const staying = stays.map((tensor) => ({ ...tensor, place: kept.get(tensor.id) }));
        const wanted = [...staying, ...others.map((tensor) => ({ ...tensor, id: `other ${tensor.id}` }))];
        const { buffers, places } = planMemory(wanted, alignment, largest, before.buffers);
        expect(buffers.slice(0, before.buffers.length)).toEqual(before.buffers);
        for (const [id, place] of kept) expect(places.get(id)).toEqual(place);
        for (const { id, bytes } of wanted) {
          const { buffer, offset } = places.get(id)!;
          expect(offset % alignment).toBe(0);
          expect(offset + bytes).toBeLessThanOrEqual(buffers[buffer]!);
        }
        for (const [i, a] of wanted.entries()) {
          for (const b of wanted.slice(i + 1)) {
            const [placeA, placeB] = [places.get(a.id)!, places.get(b.id)!];
            if (a.first > b.last || b.first > a.last || placeA.buffer !== placeB.buffer) continue;
            const apart = placeA.offset + a.bytes <= placeB.offset || placeB.offset + b.bytes <= placeA.offset;
            expect(apart, `${a.id} and ${b.id}`).toBe(true);
          }
        }
      }),
    );
  });

  it('is the same plan in the memory that it was made for', () => {
    fc.assert(
      fc.property(lifetimes, alignments, (tensors, alignment) => {
        const before = planMemory(tensors, alignment);
        expect(planMemory(tensors, alignment, Number.POSITIVE_INFINITY, before.buffers)).toEqual(before);
      }),
    );
  });

  it('needs nothing for nothing', () => {
    expect(planMemory([], 256)).toEqual({ arenaBytes: 0, buffers: [], places: new Map() });
  });
});

describe('planArena', () => {
  const plan = (operands: Record<string, Operand['use']>): OperationPlan => ({
    operation: 'test',
    operands: Object.fromEntries(Object.entries(operands).map(([name, use]) => [name, { bytes: 256, use }])),
    steps: [],
  });

  /** input -> a -> b -> c, each by an operation with a scratch operand. */
  const chain = (() => {
    const list = operationList();
    const through = plan({ input: 'input', output: 'output', partials: 'scratch' });
    list.append('a', through, { input: 'input', output: 'a' });
    list.append('b', through, { input: 'a', output: 'b' });
    list.append('c', through, { input: 'b', output: 'c' });
    return list.operations;
  })();
  const isExternal = (tensor: string) => tensor === 'input';

  it('leaves out what has a buffer of its own, and gives every scratch operand a tensor', () => {
    const { places } = planArena(chain, isExternal, [], 256);
    expect([...places.keys()].sort()).toEqual(['a', 'b', 'c', ...[0, 1, 2].map((i) => `scratch ${i} partials`)]);
  });

  it('uses the memory of what is dead again', () => {
    expect(planArena(chain, isExternal, [], 256).arenaBytes).toBe(3 * 256);
  });

  it('keeps what must outlive the last operation', () => {
    const { arenaBytes, places } = planArena(chain, isExternal, ['a', 'c'], 256);
    expect(arenaBytes).toBe(4 * 256);
    const others = [...places].filter(([id]) => id !== 'a').map(([, { offset }]) => offset);
    expect(others).not.toContain(places.get('a')!.offset);
  });

  it('makes a tensor as large as its largest operand', () => {
    const list = operationList();
    list.append(
      'a',
      { operation: 'test', operands: { output: { bytes: 100, use: 'output' } }, steps: [] },
      { output: 't' },
    );
    list.append(
      'b',
      { operation: 'test', operands: { input: { bytes: 300, use: 'input' } }, steps: [] },
      { input: 't' },
    );
    expect(planArena(list.operations, () => false, [], 4).arenaBytes).toBe(300);
  });
});
