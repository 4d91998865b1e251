import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { adjustDistributions } from '../../src/graph/adjustDistribution.js';
import { randomArray } from '../support/random.js';
import { everyRole } from './networks.js';

const values = new Map([
  ['output.adjust', Float32Array.of(3, -1, 1, 0)],
  ['input-form.adjust', Float32Array.of(2, 2, 2, 2)],
]);

describe('the distribution of adjust', () => {
  it('has quantiles, mean and histogram of every IC convolution', () => {
    const [output, input, ...more] = adjustDistributions(everyRole, values, 4);
    expect(more).toEqual([]);
    expect(output).toMatchObject({
      layer: 'output',
      filterElements: 9,
      mean: 0.75,
      quantiles: [-1, -0.25, 0.5, 1.5, 3],
    });
    expect(output!.edges).toEqual([-1, 0, 1, 2, 3]);
    expect(output!.counts).toEqual([1, 1, 1, 1]);
    expect(input).toMatchObject({ layer: 'input-form', filterElements: 36, mean: 2, quantiles: [2, 2, 2, 2, 2] });
    expect(input!.counts.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  it('counts every weight once, whatever the bins', () => {
    for (const bins of [1, 2, 7, 30]) {
      const own = new Map([...values, ['output.adjust', randomArray(4, bins)]] as [string, Float32Array][]);
      const [output] = adjustDistributions(everyRole, own, bins);
      expect(output!.counts).toHaveLength(bins);
      expect(output!.edges).toHaveLength(bins + 1);
      expect(output!.counts.reduce((sum, count) => sum + count, 0)).toBe(4);
    }
  });

  it.each([0, -1, 1.5])('refuses %f bins', (bins) => {
    expect(() => adjustDistributions(everyRole, values, bins)).toThrow(/^adjustDistributions: bins: /);
  });

  it('refuses weights that are missing or too many', () => {
    expect(() => adjustDistributions(everyRole, new Map())).toThrow(ShapeError);
    const wrong = new Map([...values, ['output.adjust', new Float32Array(5)]] as [string, Float32Array][]);
    expect(() => adjustDistributions(everyRole, wrong)).toThrow(/output\.adjust: expected 4 weights, got 5$/);
  });
});
