import { median } from '../../src/measure/statistics.js';
import { type Comparison, compare } from './comparison.js';
import { type EndRecord, type RunKey, type StretchRecord, type StudyRecord, sameRun } from './records.js';
import type { StudySettings } from './settings.js';
import { allVariants, mainVariants } from './variants.js';

/** A mean and the sample deviation of what it is of; 0 of a single value. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** A look at the watched test images. */
export interface Look {
  /** Steps done. */
  readonly step: number;
  readonly error: number;
}

/** The finished trainings of one variant on one data set. */
export interface VariantResult {
  readonly data: string;
  readonly variant: string;
  readonly label: string;
  readonly seeds: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Test error, seed by seed. */
  readonly errors: readonly number[];
  readonly error: Spread;
  /** Cross entropy on the test images. */
  readonly loss: Spread;
  /** Test error and loss beside those of the plain network with the same seeds; of two seeds and more. */
  readonly errorBesidePlain?: Comparison;
  readonly lossBesidePlain?: Comparison;
  /** Looks at the watched images, means over the seeds. */
  readonly looks: readonly Look[];
  /** Step by step the training's cross entropy, mean over the seeds. */
  readonly losses: readonly number[];
  /**
   * Seed by seed the steps at the first look whose error is not above that of the plain network at its end, on the same
   * images; undefined where there is none.
   */
  readonly stepsToPlain: readonly (number | undefined)[];
  /** The same for twice that error: how far it is before the learning rate has fallen. */
  readonly stepsToTwice: readonly (number | undefined)[];
  /** Median time of a step, and as a multiple of the plain network's; measured on one data set alone. */
  readonly step?: { readonly milliseconds: number; readonly ratio: number };
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

/** What the records say, data set by data set in the order of the variants; trainings without an end do not count. */
export function resultsOf(records: readonly StudyRecord[], settings: StudySettings): VariantResult[] {
  const ends = latest(
    records.filter((record) => record.kind === 'end'),
    sameRun,
  );
  const names = [...new Set(ends.map(({ data }) => data))];
  return names.flatMap((data) =>
    allVariants.flatMap((variant) => {
      const own = ends.filter((end) => end.data === data && end.variant === variant.name);
      if (own.length === 0) return [];
      own.sort((one, other) => one.seed - other.seed);
      return [variantResult(own, ends, records, variant.label(settings))];
    }),
  );
}

function variantResult(
  own: readonly EndRecord[],
  ends: readonly EndRecord[],
  records: readonly StudyRecord[],
  label: string,
): VariantResult {
  const { data, variant, parameters, multiplyAdds } = own[0]!;
  const error = ({ tested }: EndRecord): number => 1 - tested.accuracy;
  const plainOf = (key: RunKey): RunKey => ({ ...key, variant: mainVariants[0]!.name });
  const plains = own.map((end) => ends.find((other) => sameRun(other, plainOf(end))));
  const pairs = own.flatMap((end, index) => (plains[index] ? [{ end, plain: plains[index] }] : []));
  const beside = (value: (end: EndRecord) => number): Comparison =>
    compare(
      pairs.map(({ end }) => value(end)),
      pairs.map(({ plain }) => value(plain)),
    );
  const stretches = own.map((end) => stretchesOf(records, end));
  const paired = pairs.length > 1 && variant !== mainVariants[0]!.name;
  const step = stepTime(records, variant);
  return {
    data,
    variant,
    label,
    seeds: own.map(({ seed }) => seed),
    parameters,
    multiplyAdds,
    errors: own.map(error),
    error: spreadOf(own.map(error)),
    loss: spreadOf(own.map(({ tested }) => tested.loss)),
    ...(paired && { errorBesidePlain: beside(error), lossBesidePlain: beside(({ tested }) => tested.loss) }),
    looks: meanLooks(stretches),
    losses: meanOf(stretches.map((run) => run.flatMap(({ losses }) => losses))),
    stepsToPlain: own.map((end, index) => stepsTo(stretches[index]!, stretchesOf(records, plainOf(end)), 1)),
    stepsToTwice: own.map((end, index) => stepsTo(stretches[index]!, stretchesOf(records, plainOf(end)), 2)),
    ...(step && { step }),
  };
}

/** The records of a training in the order of its steps; of those written twice, as a stopped study may, the last. */
function stretchesOf(records: readonly StudyRecord[], key: RunKey): StretchRecord[] {
  const own = records.filter((record) => record.kind === 'stretch').filter((stretch) => sameRun(stretch, key));
  return latest(own, (one, other) => one.first === other.first).sort((one, other) => one.first - other.first);
}

/** Of records that are the same, the last. */
function latest<Entry>(entries: readonly Entry[], same: (one: Entry, other: Entry) => boolean): Entry[] {
  return entries.filter((entry, index) => !entries.slice(index + 1).some((later) => same(entry, later)));
}

const lookOf = ({ first, losses, watched }: StretchRecord): Look => ({
  step: first + losses.length,
  error: 1 - watched.accuracy,
});

function stepsTo(own: readonly StretchRecord[], plain: readonly StretchRecord[], factor: number): number | undefined {
  const target = plain.at(-1);
  if (!target) return undefined;
  return own.map(lookOf).find(({ error }) => error <= factor * lookOf(target).error + 1e-9)?.step;
}

function meanLooks(runs: readonly (readonly StretchRecord[])[]): Look[] {
  const errors = meanOf(runs.map((run) => run.map((stretch) => lookOf(stretch).error)));
  return errors.map((error, index) => ({ step: lookOf(runs[0]![index]!).step, error }));
}

/** Place by place, as far as all lists go. */
function meanOf(lists: readonly (readonly number[])[]): number[] {
  const length = Math.min(...lists.map((list) => list.length));
  return Array.from({ length }, (_, index) => lists.reduce((sum, list) => sum + list[index]!, 0) / lists.length);
}

/** The median, and the median of the ratios to the plain network's steps that were taken in turn. */
function stepTime(records: readonly StudyRecord[], variant: string): VariantResult['step'] {
  const timesOf = (name: string) =>
    records.filter((record) => record.kind === 'times').findLast((record) => record.variant === name)?.milliseconds;
  const [own, plain] = [timesOf(variant), timesOf(mainVariants[0]!.name)];
  if (!own || !plain) return undefined;
  return { milliseconds: median(own), ratio: median(own.map((value, index) => value / plain[index]!)) };
}
