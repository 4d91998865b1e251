import { describe, expect, it } from 'vitest';
import { drawnDigits } from '../../src/demo/data/digits.js';
import { meanOf, spread } from '../../src/demo/page/curve.js';
import { presets } from '../../src/demo/page/presets.js';
import {
  compare,
  comparisons,
  errorsBySeed,
  points,
  type RaceResult,
  wordsOf,
} from '../../src/demo/page/raceResult.js';
import { recordedRace } from '../../src/demo/page/recorded.js';
import { presetOf } from '../../src/demo/page/settings.js';
import { queryOf, readQuery } from '../../src/demo/page/share.js';
import { reachOf } from '../../src/demo/page/verdict.js';
import { type Role, roles, type TestResult } from '../../src/demo/protocol.js';
import { settingsNetworks } from '../../src/demo/worker/networks.js';
import { summarise } from '../../src/models/summary.js';

function testsOf(role: Role, ...percents: number[]): TestResult[] {
  return percents.map((percent, index) => ({
    role,
    seed: index + 1,
    error: Math.round(percent * 100) / 1e4,
    images: 2000,
  }));
}

function resultOf(ic: number[], plain: number[]): RaceResult {
  const networks = [
    { role: 'ic' as const, name: 'ic-resnet8' },
    { role: 'plain' as const, name: 'resnet8' },
  ];
  return { networks, tests: [...testsOf('ic', ...ic), ...testsOf('plain', ...plain)] };
}

function words(ic: number[], plain: number[]): string {
  const result = resultOf(ic, plain);
  return wordsOf(result, compare(result.tests, 'ic')!);
}

describe('What a race says', () => {
  it('is a difference only where its interval leaves zero out', () => {
    expect(words([10, 11, 10], [12, 13, 12.3])).toMatch(
      /^IC-ResNet-8 makes fewer errors than ResNet-8: by 2\.1 points on average, 95 % interval −2\.5 to −1\.7 points, 3 races\.$/,
    );
    expect(words([12, 13, 12.3], [10, 11, 10])).toContain('makes more errors than ResNet-8: by 2.1 points');
    expect(words([10, 14], [12, 12])).toMatch(
      /^No difference between IC-ResNet-8 and ResNet-8 is shown: 95 % interval/,
    );
  });

  it('of one race ranks nothing', () => {
    expect(words([10], [12])).toBe(
      'IC-ResNet-8 made 2.0 points fewer errors than ResNet-8 in one race. One race ranks nothing.',
    );
  });

  it('takes the seeds that both were tested on', () => {
    const tests = [...testsOf('ic', 10, 20), ...testsOf('plain', 12, 21, 30), ...testsOf('deep', 9)];
    expect(compare(tests, 'ic')!.differences.map((share) => Number(share.toFixed(6)))).toEqual([-0.02, -0.01]);
    expect(comparisons(tests).map(({ role }) => role)).toEqual(['ic', 'deep']);
    expect(comparisons(testsOf('ic', 3))).toEqual([]);
    expect(errorsBySeed(tests).map(({ seed, errors }) => [seed, Object.keys(errors).length])).toEqual([
      [1, 3],
      [2, 2],
      [3, 1],
    ]);
  });

  it('is written with a sign, which none has that rounds to nothing', () => {
    expect([points(-0.0131), points(0.02), points(0.0004), points(-0.0004)]).toEqual(['−1.3', '+2.0', '±0.0', '±0.0']);
  });

  it('is drawn as far as its dots and intervals go, and a point at least', () => {
    const reach = (ic: number[], plain: number[]): number => reachOf(comparisons(resultOf(ic, plain).tests));
    expect(reach([10], [12.5])).toBe(0.03);
    expect(reach([10], [10.1])).toBe(0.01);
    expect(reach([10, 14], [12, 12])).toBeGreaterThan(0.2);
  });
});

describe('A link', () => {
  const settings = { ...presets.quick, seeds: 2 };
  const tests = [...testsOf('ic', 8.15, 0), ...testsOf('plain', 9.05, 100)];

  it('holds settings and results', () => {
    expect(readQuery(queryOf(settings, tests))).toEqual({ settings, tests });
    expect(readQuery(queryOf(settings, []))).toEqual({ settings, tests: [] });
    const later = tests.map((test) => ({ ...test, seed: test.seed + 6 }));
    expect(readQuery(queryOf(settings, later))!.tests).toEqual(later);
  });

  it('says nothing without settings', () => {
    expect(readQuery('')).toBeUndefined();
    expect(readQuery('?test-hooks')).toBeUndefined();
  });

  it('leaves out what makes no sense', () => {
    expect(readQuery('?width=four&depth=8')).toEqual({ settings: { depth: 8 }, tests: [] });
    for (const errors of ['1.x', '-1', '10001', '1..2', 'Infinity']) {
      expect(readQuery(`?depth=8&images=10&firstSeed=1&ic=${errors}`)!.tests).toEqual([]);
    }
    for (const images of ['0', '-3', '1.5', 'x']) {
      expect(readQuery(`?depth=8&images=${images}&firstSeed=1&ic=100`)!.tests).toEqual([]);
    }
    expect(readQuery(`?depth=8&images=10&firstSeed=1&ic=${Array(1000).fill(1).join('.')}`)!.tests).toHaveLength(100);
  });
});

describe('Presets', () => {
  it('are known again, and not where something was changed', () => {
    for (const [name, settings] of Object.entries(presets)) expect(presetOf(settings)).toBe(name);
    expect(presetOf({ ...presets.quick, width: 8 })).toBeUndefined();
  });
});

describe('The recorded race', () => {
  it('is of the first preset, with every race of every network, and says what it ran on', () => {
    const { settings, tests, networks, adapter, date, losses, accuracies } = recordedRace;
    const { data: _, ...quick } = presets.quick;
    expect(settings).toEqual({ ...quick, seeds: settings.seeds });
    expect(settings.seeds).toBeGreaterThanOrEqual(quick.seeds);
    expect(adapter).not.toBe('');
    expect(new Date(date).getTime()).toBeGreaterThan(0);
    for (const role of roles) {
      expect(tests.filter((test) => test.role === role).map(({ seed }) => seed)).toEqual(
        Array.from({ length: settings.seeds }, (_, index) => index + 1),
      );
      for (const curve of [losses[role]!, accuracies[role]!]) expect(curve.length).toBeGreaterThan(10);
    }
    const made = settingsNetworks(settings, drawnDigits('digits', 1, 1));
    for (const { role, name, parameters, multiplyAdds } of networks) {
      const { name: own, ...costs } = summarise(made[role]!);
      expect([name, parameters, multiplyAdds]).toEqual([own, costs.parameters, costs.multiplyAdds]);
    }
  });
});

describe('Curves', () => {
  it('are spread over the steps that their points stand for', () => {
    expect(spread([3, 2, 1], 5)).toEqual([3, null, 2, null, 1]);
  });

  it('have the mean of those that go so far', () => {
    expect(
      meanOf([
        [1, 2],
        [3, null, 5],
      ]),
    ).toEqual([2, 2, 5]);
    expect(meanOf([])).toEqual([]);
  });
});
