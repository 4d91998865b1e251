import { describe, expect, it } from 'vitest';
import { chosenForm } from '../../bench/occupancy.js';
import { namedShapes } from '../../src/compare/shapes.js';
import type { DeviceTraits } from '../../src/ops/traits.js';

/** A GPU with subgroups of one size, one without or with several sizes, half of it, and processors that play one. */
const kinds: Readonly<Record<string, DeviceTraits>> = {
  'subgroups of 32': { subgroup: 32 },
  'no subgroups': {},
  'wide subgroups': { subgroup: 64 },
  'four lanes of a processor': { subgroup: 4, software: true },
  'a processor without subgroups': { software: true, largestBody: 190 },
};

describe.each(Object.entries(kinds))('%s', (_, traits) => {
  it.each([1, 8, 32])('takes no naive kernel at batch %i', (batch) => {
    const naive = namedShapes().flatMap(({ name, shape }) =>
      (['forward', 'inputGradient', 'filterGradient'] as const)
        .filter((pass) => chosenForm({ ...shape, batch }, pass, traits).family === 'naive')
        .map((pass) => `${name} ${pass}`),
    );
    expect(naive).toEqual([]);
  });
});
