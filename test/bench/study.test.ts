import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare, isDecided } from '../../bench/study/comparison.js';
import { costLines } from '../../bench/study/costs.js';
import { cutData } from '../../bench/study/jobs.js';
import {
  type EndRecord,
  readRecords,
  type StretchRecord,
  type StudyRecord,
  writeRecords,
} from '../../bench/study/records.js';
import { remaining } from '../../bench/study/remaining.js';
import { writeReports } from '../../bench/study/report.js';
import { resultsOf, spreadOf } from '../../bench/study/results.js';
import { choosingSettings, presets } from '../../bench/study/settings.js';
import {
  allVariants,
  choosingVariants,
  mainVariants,
  networkOf,
  startOf,
  teachingOf,
} from '../../bench/study/variants.js';
import { FormatError } from '../../src/errors.js';
import { summarise } from '../../src/models/summary.js';
import { stripes } from '../train/smallTraining.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'study-'));
});
afterAll(() => rm(folder, { recursive: true }));

const settings = { ...presets.quick, steps: 40, looks: 4 };

/** A training of 40 steps whose watched errors and final error are given in per cent. */
function training(variant: string, seed: number, watched: readonly number[], tested: number): StudyRecord[] {
  const key = { data: 'digits', variant, seed };
  const test = (error: number) => ({ images: 100, loss: error / 10, accuracy: 1 - error / 100 });
  const stretches = watched.map(
    (error, index): StretchRecord => ({
      kind: 'stretch',
      ...key,
      first: 10 * index,
      losses: Array(10).fill(1),
      accuracies: Array(10).fill(0.5),
      seconds: 1,
      watched: test(error),
    }),
  );
  const end: EndRecord = { kind: 'end', ...key, parameters: 1000, multiplyAdds: 5000, tested: test(tested) };
  return [...stretches, end];
}

const start: StudyRecord = {
  kind: 'start',
  settings,
  command: 'npm run study -- --set <x>',
  adapter: 'an adapter',
  versions: { node: '20.19.0' },
  commit: 'abc',
  date: '2026-01-01T00:00:00.000Z',
};

const records: StudyRecord[] = [
  start,
  ...training('plain', 1, [40, 20, 12, 10], 9),
  ...training('plain', 2, [50, 30, 16, 12], 11),
  ...training('ic', 1, [40, 19, 10, 8], 8),
  ...training('ic', 2, [50, 13, 14, 13], 12),
  { kind: 'times', data: 'digits', variant: 'plain', milliseconds: [10, 20, 10] },
  { kind: 'times', data: 'digits', variant: 'ic', milliseconds: [12, 24, 11] },
  ...training('deeper', 1, [30], 5).slice(0, 1),
];

describe('the results of a study', () => {
  it('are means and deviations over the seeds, paired with the plain network of the same seed', () => {
    const [plain, ic, ...more] = resultsOf(records, settings);
    expect(more).toEqual([]);
    expect(plain).toMatchObject({ variant: 'plain', seeds: [1, 2], parameters: 1000, label: 'ResNet-8' });
    expect(plain!.error.mean).toBeCloseTo(0.1, 12);
    expect(plain!.error.deviation).toBeCloseTo(Math.SQRT2 / 100, 12);
    expect(plain!.errorBesidePlain).toBeUndefined();
    const { estimate, bootstrap, signs } = ic!.errorBesidePlain!;
    expect(estimate.mean).toBeCloseTo(0, 12);
    // Differences of one below and one above: t is 12.706 for one degree of freedom.
    expect(estimate.high).toBeCloseTo((12.706 * Math.SQRT2) / 100 / Math.SQRT2, 4);
    expect(bootstrap.low).toBeCloseTo(-0.01, 12);
    expect(bootstrap.high).toBeCloseTo(0.01, 12);
    expect(signs).toEqual({ below: 1, above: 1, p: 1 });
    expect(ic!.lossBesidePlain!.estimate.mean).toBeCloseTo(0, 12);
    expect(ic!.looks.map(({ step }) => step)).toEqual([10, 20, 30, 40]);
    expect(ic!.looks[1]!.error).toBeCloseTo(0.16, 12);
    expect(ic!.losses).toHaveLength(40);
  });

  it('say when the plain network’s final error was reached, if it was', () => {
    const [plain, ic] = resultsOf(records, settings);
    expect(plain!.stepsToPlain).toEqual([40, 40]);
    expect(ic!.stepsToPlain).toEqual([30, undefined]);
    expect(plain!.stepsToTwice).toEqual([20, 30]);
    expect(ic!.stepsToTwice).toEqual([20, 20]);
  });

  it('take the median of the ratios of steps timed in turn', () => {
    const [plain, ic] = resultsOf(records, settings);
    expect(plain!.step).toEqual({ milliseconds: 10, ratio: 1 });
    expect(ic!.step).toEqual({ milliseconds: 12, ratio: 1.2 });
  });

  it('count what was recorded twice once, the later one', () => {
    const again = [...records, ...training('ic', 2, [50, 13, 14, 11], 10)];
    const [, ic] = resultsOf(again, settings);
    expect(ic!.seeds).toEqual([1, 2]);
    expect(ic!.stepsToPlain).toEqual([30, 40]);
    expect(ic!.errors[1]).toBeCloseTo(0.1, 12);
  });

  it('have a spread of 0 for one value', () => {
    expect(spreadOf([3])).toEqual({ mean: 3, deviation: 0 });
  });
});

describe('the report of a study', () => {
  it('holds command, adapter, table and charts, in Markdown and in one page of HTML', async () => {
    const files = await writeReports(records, folder);
    expect(files.map((file) => file.slice(folder.length + 1)).sort()).toEqual([
      'report.html',
      'report.md',
      'study-digits-cost.svg',
      'study-digits-curves.svg',
      'study-digits-errors.svg',
    ]);
    const markdown = await readFile(join(folder, 'report.md'), 'utf8');
    expect(markdown).toContain('- Command: `npm run study -- --set <x>`');
    expect(markdown).toContain('- Adapter: an adapter');
    expect(markdown).toMatch(/^\| ResNet-8 \| 2 \| 1,000 \| 5,000 \| 10\.00 ± 1\.41 \|/m);
    expect(markdown).toMatch(/\| 30, > 40 \| 20, 20 \| 12 ms \(1\.20\) \|$/m);
    expect(markdown).toContain('![study-digits-curves.svg](study-digits-curves.svg)');
    const page = await readFile(join(folder, 'report.html'), 'utf8');
    expect(page).toContain('npm run study -- --set &lt;x&gt;');
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(markdown).toContain('0.00 (-12.71 to +12.71) | -1.00 to +1.00 | 1, 1 (p 1.000)');
    expect(page).not.toMatch(/<(?:img|link|script)/);
  });

  it('is not written where nothing is finished', async () => {
    expect(await writeReports([start], folder)).toEqual([]);
  });
});

describe('records', () => {
  it('come back as they were written', async () => {
    const file = join(folder, 'new', 'records.jsonl');
    expect(await readRecords(file)).toEqual([]);
    for (const count of [1, 4]) {
      await writeRecords(file, records.slice(0, count));
      expect(await readRecords(file)).toEqual(records.slice(0, count));
    }
    await writeFile(file, `{"kind":\n${await readFile(file, 'utf8')}`);
    await expect(readRecords(file)).rejects.toThrow(FormatError);
  });
});

describe('the time left', () => {
  it('follows from the work done', () => {
    let now = 0;
    const clock = remaining(100, () => now);
    expect(clock.words).toBe('time left not known yet');
    now = 10_000;
    clock.done(20);
    expect(clock.words).toBe('about 40 s left');
    now = 600_000;
    clock.done(40);
    expect(clock.words).toBe('about 7 min left');
  });
});

describe('the variants', () => {
  const dataset = stripes(4, { height: 28, width: 28, classes: 10 });
  const network = (name: string) =>
    networkOf(allVariants.find((variant) => variant.name === name)!, presets.full, dataset);

  it('have names of their own', () => {
    expect(new Set(allVariants.map(({ name }) => name)).size).toBe(allVariants.length);
    expect(mainVariants[0]!.name).toBe('plain');
  });

  it('differ by a tenth or by a factor of two in multiply-adds', () => {
    const cost = (name: string) => summarise(network(name)).multiplyAdds / summarise(network('plain')).multiplyAdds;
    expect(cost('ic')).toBeGreaterThan(1);
    expect(cost('ic')).toBeLessThan(1.1);
    expect(cost('deeper')).toBeGreaterThan(1.9);
    expect(cost('deeper')).toBeLessThan(2.3);
    expect(cost('wider') / cost('ic')).toBeGreaterThan(0.98);
    expect(cost('wider') / cost('ic')).toBeLessThan(1.02);
    expect(cost('se')).toBeLessThan(1.05);
  });

  it('start alike but for adjust', () => {
    const at = (name: string) => {
      const variant = allVariants.find((one) => one.name === name)!;
      return startOf(variant, network(name), 1, presets.full);
    };
    const [plain, ic, third] = [at('plain'), at('ic'), at('ic-start-3')];
    for (const [parameter, values] of plain) expect(ic.get(parameter), parameter).toEqual(values);
    const name = 'layer1.0.conv1.adjust';
    expect(third.get(name)![0]).toBeCloseTo(3 * ic.get(name)![0]!, 6);
  });
});

describe('a comparison', () => {
  const plain = Array<number>(16).fill(0.1);
  const own = (shift: number): number[] => plain.map((error, seed) => error + shift + (seed % 2 === 0 ? 0.01 : -0.01));

  it('is decided once its interval excludes 0, at the looks alone', () => {
    const clear = own(-0.03);
    expect(isDecided(clear.slice(0, 7), plain.slice(0, 7), 16)).toBe(false);
    expect(isDecided(clear.slice(0, 8), plain.slice(0, 8), 16)).toBe(true);
    expect(isDecided(clear.slice(0, 9), plain.slice(0, 9), 16)).toBe(false);
    expect(isDecided(own(0), plain, 16)).toBe(false);
  });

  it('asks for more where it is looked at more often', () => {
    // Its interval of 95 % excludes 0, that of 99 % and more does not.
    const close = own(-0.0105).slice(0, 8);
    expect(compare(close, plain.slice(0, 8)).estimate.high).toBeLessThan(0);
    expect(isDecided(close, plain.slice(0, 8), 8)).toBe(true);
    expect(isDecided(close, plain.slice(0, 8), 24)).toBe(false);
  });
});

describe('choosing', () => {
  it('looks at training images that are held back, and never at the test set', () => {
    const [train, test] = [stripes(60), stripes(30, { name: 'others' })];
    const choosing = choosingSettings({ ...presets.quick, images: 60, watched: 5, tested: 1000 });
    const data = cutData({ train, test }, choosing);
    expect(choosing).toMatchObject({ images: 50, validation: 10 });
    expect(data.train.count).toBe(50);
    expect(data.tested.count).toBe(10);
    expect(data.tested.images).toEqual(train.images.subarray(50 * 64, 60 * 64));
    expect(data.watched.images).toEqual(train.images.subarray(50 * 64, 55 * 64));
  });

  it('changes one thing at a time', () => {
    const taught = choosingVariants.filter(({ teaching }) => teaching);
    for (const variant of taught) {
      const teaching = teachingOf(variant, presets.full)!;
      const usual = teachingOf({ ...variant, teaching: {} }, presets.full)!;
      const changed = Object.keys(usual).filter((name) => teaching[name as 'weight'] !== usual[name as 'weight']);
      expect(changed.filter((name) => name !== 'schedule').length, variant.name).toBe(
        variant.name === 'ic-wld' ? 0 : 1,
      );
    }
  });
});

describe('what trainings take', () => {
  it('is said network by network', () => {
    const data = cutData({ train: stripes(60), test: stripes(30) }, { ...settings, images: 60 });
    const jobs = [1, 2].map((seed) => ({
      key: { data: 'digits', variant: 'plain', seed },
      data,
      variant: mainVariants[0]!,
    }));
    const [line, ...more] = costLines(jobs, { ...settings, images: 60 }, records);
    expect(more).toEqual([]);
    expect(line).toMatch(
      /^digits, ResNet-8: [\d.]+ million multiply-adds an image, [\d.]+ trillion a training, 0\.0 min each, 2 to do$/,
    );
  });
});
