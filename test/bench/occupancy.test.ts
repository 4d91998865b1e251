import { describe, expect, it } from 'vitest';
import { type Occupancy, occupancies, occupancyLines } from '../../bench/occupancy.js';

const rows = occupancies('resnet50 b1 ');

const mean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

describe.each([true, false])('ResNet-50 at batch 1 by rule, subgroups: %s', (subgroups) => {
  describe.each(['forward', 'inputGradient', 'filterGradient'] as const)('%s', (pass) => {
    it.each([
      [8, 0.75, 0.3],
      [40, 0.6, 0.3],
      [128, 0.4, 0.25],
    ])('keeps a GPU of %i units busy', (units, least, leastOfShape) => {
      const own = rows.filter((row) => row.pass === pass && row.units === units && row.subgroups === subgroups);
      expect(own).toHaveLength(23);
      const shares = own.map(({ utilisation }) => utilisation);
      expect(mean(shares)).toBeGreaterThanOrEqual(least);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(leastOfShape);
    });
  });
});

it('lists the worst first, and the means', () => {
  const shares = rows.map(({ utilisation }) => utilisation);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  const one: Occupancy = { ...rows[0]!, utilisation: 0.25 };
  const lines = occupancyLines([one, { ...one, utilisation: 1 }]);
  expect(lines[1]).toContain(one.name);
  expect(lines.at(-1)).toMatch(/0\.50 +0\.25$/);
});
