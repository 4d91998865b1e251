import { describe, expect, it } from 'vitest';
import { isPlausible } from '../../src/measure/stopwatch.js';
import { chooseByCost } from '../../src/ops/choose.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import type { Family, FormRequest, RankedForm } from '../../src/ops/forms.js';
import { pickCandidates } from '../../src/tune/candidates.js';
import { allowedError, faultOf } from '../../src/tune/check.js';
import { winnerOf } from '../../src/tune/race.js';
import { randomArray } from '../support/random.js';

const form = (family: Family, cost: number, body = 100, tile = {}): RankedForm => ({
  family,
  cost,
  body,
  work: [],
  tile: { cost, ...tile },
});
const limits = { count: 6, largestBody: 450 };
const costs = (forms: readonly RankedForm[]) => forms.map(({ cost }) => cost);

describe('pickCandidates', () => {
  it('takes the cheapest ones, three of a family at most', () => {
    const forms = [
      ...[10, 11, 12, 13, 14].map((cost) => form('subgroup', cost)),
      ...[20, 21].map((cost) => form('tiled', cost)),
      form('naive', 70),
    ];
    expect(costs(pickCandidates({ forms }, limits))).toEqual([10, 11, 12, 20, 21, 70]);
    expect(costs(pickCandidates({ forms }, { ...limits, count: 4 }))).toEqual([10, 11, 12, 20]);
  });

  it('leaves out what the model thinks hopeless', () => {
    const forms = [form('subgroup', 10), form('naive', 81)];
    expect(costs(pickCandidates({ forms }, limits))).toEqual([10]);
  });

  it('always takes the choice of the cost model', () => {
    const forms = [...[10, 11, 12].map((cost) => form('subgroup', cost, 310)), form('subgroup', 100, 120)];
    expect(costs(pickCandidates({ forms }, limits))).toEqual([10, 11, 100]);
    expect(costs(pickCandidates({ forms }, { ...limits, count: 1 }))).toEqual([100]);
  });

  it('leaves out large texts', () => {
    const forms = [form('subgroup', 10, 451), form('subgroup', 11, 450), form('naive', 12, 1)];
    expect(costs(pickCandidates({ forms }, limits))).toEqual([11, 12]);
    expect(costs(pickCandidates({ forms }, { ...limits, largestBody: 451 }))).toEqual([10, 11, 12]);
  });

  it('takes both Winograd tiles unless they are expected to be far off', () => {
    const direct = [10, 11, 12].map((cost) => form('subgroup', cost));
    const near = [...direct, form('winograd', 29), form('winograd', 30), form('naive', 31)];
    expect(costs(pickCandidates({ forms: near }, { ...limits, count: 3 }))).toEqual([10, 29, 30]);
    const far = [...direct, form('winograd', 31), form('winograd', 32)];
    expect(costs(pickCandidates({ forms: far }, { ...limits, count: 3 }))).toEqual([10, 11, 12]);
  });
});

describe('winnerOf', () => {
  const around = (milliseconds: number, ...noise: number[]) => noise.map((one) => milliseconds * one);
  const steady = [1, 1.01, 0.99, 1, 1.02];

  it('keeps the favourite in a tie', () => {
    expect(winnerOf([around(1, ...steady), around(0.98, ...steady)], 0)).toBe(0);
    expect(winnerOf([around(0.98, ...steady), around(1, ...steady)], 1)).toBe(1);
  });

  it('takes what is faster beyond noise', () => {
    expect(winnerOf([around(1, ...steady), around(0.96, ...steady), around(0.9, ...steady)], 0)).toBe(2);
  });

  it('keeps the favourite where a gain comes and goes', () => {
    expect(winnerOf([around(1, ...steady), [0.5, 1.2, 0.5, 1.3, 0.5]], 0)).toBe(0);
  });

  it('is not fooled by a machine that slows down for a while', () => {
    const slowed = [1, 1, 3, 3, 1];
    expect(winnerOf([around(1, ...slowed), around(0.9, ...slowed)], 0)).toBe(1);
    expect(winnerOf([around(0.9, ...slowed), around(1, ...slowed)], 0)).toBe(0);
  });

  it('takes the fastest where there is no favourite, and compares with a favourite of one round', () => {
    expect(
      winnerOf([
        [3, 3, 3],
        [2.99, 2.99, 2.99],
      ]),
    ).toBe(1);
    expect(winnerOf([[9], [2, 2, 2]], 0)).toBe(1);
  });
});

describe('the check', () => {
  const reference = randomArray(1000, 3, -4, 4);
  const outputs = (change: (values: Float32Array) => void): ReadonlyMap<string, Float32Array> => {
    const values = reference.slice();
    change(values);
    return new Map([['output', values]]);
  };
  const references = new Map([['output', reference]]);
  const fault = (change: (values: Float32Array) => void, family: Family = 'subgroup') =>
    faultOf(outputs(change), references, [family]);

  it('lets rounding pass and names what is wrong', () => {
    const allowed = allowedError(reference, ['subgroup']);
    expect(fault(() => {})).toBeUndefined();
    expect(
      fault((values) =>
        values.forEach((value, index) => {
          values[index] = value + 0.9 * allowed;
        }),
      ),
    ).toBeUndefined();
    expect(
      fault((values) => {
        values[999]! += 1.2 * allowed;
      }),
    ).toMatch(/^wrong: output\[999\]/);
    expect(
      fault((values) => {
        values[0] = Number.NaN;
      }),
    ).toMatch(/^wrong: output\[0\] is NaN/);
    expect(faultOf(new Map(), references, ['tiled'])).toContain('1000 values expected, none found');
  });

  it('allows more where more is summed, and Winograd more', () => {
    const larger = reference.map((value) => 10 * value);
    const allowed = allowedError(reference, ['tiled']);
    expect(allowedError(larger, ['tiled'])).toBeGreaterThan(50 * allowed);
    expect(allowedError(reference, ['winograd'])).toBeGreaterThan(10 * allowed);
    expect(allowed).toBeLessThan(1e-3);
  });
});

describe('isPlausible', () => {
  it('believes timestamps that fill the time', () => {
    expect(isPlausible({ wall: 5, queries: 4.8 })).toBe(true);
    for (const queries of [0, 0.01, 5.1, Number.NaN, -1]) expect(isPlausible({ wall: 5, queries })).toBe(false);
    expect(isPlausible({ wall: 5 })).toBe(false);
  });
});

describe('The key of an operation', () => {
  const windows = { kernel: [3, 3], stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;
  const shape = { batch: 1, inHeight: 32, inWidth: 32, inChannels: 64, outChannels: 64, groups: 1, ...windows };
  const requestFor = (half: boolean): FormRequest => {
    const requests: FormRequest[] = [];
    const choose = (request: FormRequest) => {
      requests.push(request);
      return chooseByCost(request);
    };
    planConvolution(shape, {}, { subgroup: 32, half, choose });
    return requests[0]!;
  };

  it('is another one where forms in float16 are among those to choose from', () => {
    const [full, half] = [requestFor(false), requestFor(true)];
    expect(half.forms.filter(({ tile }) => tile.half === 1).length).toBeGreaterThan(0);
    expect(full.forms.filter(({ tile }) => tile.half === 1)).toEqual([]);
    expect(half.key).toBe(`${full.key} float16`);
  });
});
