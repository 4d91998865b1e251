import { type ValueName, valueNames } from './convolutionCase.js';

/** Worst error as a share of its bound, a line of the table for each group of tests and a column for each value. */
const worstShares = new Map<string, Map<ValueName, number>>();

/** Notes what a convolution used of its bounds. */
export function noteShares(line: string, shares: ReadonlyMap<ValueName, number>): void {
  const worst = worstShares.get(line) ?? new Map<ValueName, number>();
  for (const [name, share] of shares) worst.set(name, Math.max(share, worst.get(name) ?? 0));
  worstShares.set(line, worst);
}

/** For `afterAll`: prints the worst of all that was noted. */
export function printShares(): void {
  const cell = (share: number | undefined) => (share === undefined ? '-' : share.toFixed(3)).padStart(8);
  const lines = [...worstShares]
    .sort()
    .map(([line, shares]) => [line.padEnd(28), ...valueNames.map((name) => cell(shares.get(name)))].join(''));
  const head = ['worst error / bound'.padEnd(28), ...valueNames.map((name) => name.padStart(8))].join('');
  process.stdout.write(`${[head, ...lines].join('\n')}\n`);
}
