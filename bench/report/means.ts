import type { Counterpart, Pass, Row, SuiteName } from '../../src/compare/rows.js';
import { geometricMean } from '../../src/measure/statistics.js';

/** The ratios of a suite's rows of one pass beside one peer in one number. */
export interface SuiteMean {
  readonly suite: SuiteName;
  readonly pass: Pass;
  readonly peer: Counterpart;
  readonly rows: number;
  readonly mean: number;
}

/** Geometric means of the ratios, by suite, pass and peer; rows without a ratio do not count. */
export function suiteMeans(rows: readonly Row[]): SuiteMean[] {
  const ratios = new Map<string, Omit<SuiteMean, 'rows' | 'mean'> & { ratios: number[] }>();
  for (const { suite, pass, peer, ratio } of rows) {
    if (ratio === null || peer === null) continue;
    const key = `${suite} ${pass} ${peer.name}`;
    const group = ratios.get(key) ?? { suite, pass, peer, ratios: [] };
    group.ratios.push(ratio);
    ratios.set(key, group);
  }
  return Array.from(ratios.values(), ({ ratios: all, ...group }) => ({
    ...group,
    rows: all.length,
    mean: geometricMean(all),
  }));
}
