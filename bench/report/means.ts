import type { Pass, Row, SuiteName } from '../rows.js';
import { geometricMean } from '../statistics.js';

/** The ratios of a suite's rows of one pass in one number. */
export interface SuiteMean {
  readonly suite: SuiteName;
  readonly pass: Pass;
  readonly rows: number;
  readonly mean: number;
}

/** Geometric means of the ratios, by suite and pass; rows without a ratio do not count. */
export function suiteMeans(rows: readonly Row[]): SuiteMean[] {
  const ratios = new Map<string, { suite: SuiteName; pass: Pass; ratios: number[] }>();
  for (const { suite, pass, ratio } of rows) {
    if (ratio === null) continue;
    const key = `${suite} ${pass}`;
    const group = ratios.get(key) ?? { suite, pass, ratios: [] };
    group.ratios.push(ratio);
    ratios.set(key, group);
  }
  return Array.from(ratios.values(), ({ suite, pass, ratios: all }) => ({
    suite,
    pass,
    rows: all.length,
    mean: geometricMean(all),
  }));
}
