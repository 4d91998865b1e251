import { type DifferenceEstimate, pairedDifference } from '../../measure/pairedDifference.js';
import { type NetworkDescription, type Role, roles, type TestResult } from '../protocol.js';
import { displayName } from './names.js';

/** Races that were run: who ran, and how each did on the test pictures. */
export interface RaceResult {
  readonly networks: readonly (Pick<NetworkDescription, 'role' | 'name'> & Partial<NetworkDescription>)[];
  readonly tests: readonly TestResult[];
}

/** How a network's test errors differ from the plain network's, seed by seed; in shares of the pictures. */
export interface Comparison {
  readonly role: Role;
  readonly differences: readonly number[];
  readonly estimate: DifferenceEstimate;
}

/** The errors of a race, of the networks that were tested. */
export interface SeedErrors {
  readonly seed: number;
  readonly errors: Readonly<Partial<Record<Role, number>>>;
}

export function errorsBySeed(tests: readonly TestResult[]): SeedErrors[] {
  const seeds = [...new Set(tests.map(({ seed }) => seed))].sort((a, b) => a - b);
  return seeds.map((seed) => ({
    seed,
    errors: Object.fromEntries(tests.filter((test) => test.seed === seed).map(({ role, error }) => [role, error])),
  }));
}

/** A network against the plain one, over the seeds that both were tested on; undefined where there is none. */
export function compare(tests: readonly TestResult[], role: Role): Comparison | undefined {
  const pairs = errorsBySeed(tests).flatMap(({ errors }) =>
    errors[role] === undefined || errors.plain === undefined ? [] : [[errors[role], errors.plain] as const],
  );
  if (pairs.length === 0) return undefined;
  const [own, plain] = [pairs.map(([error]) => error), pairs.map(([, error]) => error)];
  const differences = own.map((error, pair) => error - plain[pair]!);
  return { role, differences, estimate: pairedDifference(own, plain) };
}

/** The comparisons that can be made, that of the IC network first. */
export function comparisons(tests: readonly TestResult[]): Comparison[] {
  return roles.filter((role) => role !== 'plain').flatMap((role) => compare(tests, role) ?? []);
}

/** Percentage points with their sign: `−1.3`. */
export function points(share: number): string {
  const text = Math.abs(share * 100).toFixed(1);
  const sign = text === '0.0' ? '±' : share < 0 ? '−' : '+';
  return `${sign}${text}`;
}

export function nameOf({ networks }: RaceResult, role: Role): string {
  const name = networks.find((network) => network.role === role)?.name;
  return name === undefined ? role : displayName(name);
}

/** Whether a difference is shown: its interval leaves zero out. */
export function isShown({ estimate: { low, high } }: Comparison): boolean {
  return low > 0 || high < 0;
}

/** What a comparison says, and no more than that. */
export function wordsOf(result: RaceResult, comparison: Comparison): string {
  const { role, differences, estimate } = comparison;
  const [own, plain] = [nameOf(result, role), nameOf(result, 'plain')];
  const seeds = differences.length;
  const { mean, low, high } = estimate;
  const amount = Math.abs(mean * 100).toFixed(1);
  const way = mean < 0 ? 'fewer' : 'more';
  if (seeds === 1)
    return `${own} made ${amount} points ${way} errors than ${plain} in one race. One race ranks nothing.`;
  const interval = `95 % interval ${points(low)} to ${points(high)} points, ${seeds} races`;
  if (!isShown(comparison)) return `No difference between ${own} and ${plain} is shown: ${interval}.`;
  return `${own} makes ${way} errors than ${plain}: by ${amount} points on average, ${interval}.`;
}
