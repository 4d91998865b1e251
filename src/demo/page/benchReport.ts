import type { BenchReport, BenchRow, NetworkRow, PeerTimes } from '../protocol.js';

type Check = (value: unknown) => boolean;

/**
 * Reads results that were copied from this page.
 *
 * @throws Error in plain words for anything else
 */
export function parseReport(text: string, name: string): BenchReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${name} is no JSON.`);
  }
  if (!isReport(value)) throw new Error(`${name} holds no results of this page’s bench.`);
  return value as BenchReport;
}

const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isDate: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const isPositive: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value > 0;

/** A field that may be left out. */
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

function objectOf<Content>(checks: { readonly [Key in keyof Content]-?: Check }): Check {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries<Check>(checks).every(([key, check]) => check((value as Record<string, unknown>)[key]));
}

const isReport = objectOf<BenchReport>({
  format: (value) => value === 'ic-networks demo bench',
  version: isText,
  date: isDate,
  adapter: isText,
  tuned: isFlag,
  peaks: optional(
    objectOf<NonNullable<BenchReport['peaks']>>({ fmaGflops: isPositive, copyGigabytesPerSecond: isPositive }),
  ),
  convolutions: listOf(
    objectOf<BenchRow>({
      name: isText,
      icMilliseconds: isPositive,
      plainMilliseconds: isPositive,
      gflops: isPositive,
      share: optional(isPositive),
      form: optional(isText),
      heuristic: optional(isText),
    }),
  ),
  networks: listOf(
    objectOf<NetworkRow>({
      name: isText,
      milliseconds: isPositive,
      peers: objectOf<PeerTimes>({ tensorflow: optional(isPositive), onnxRuntime: optional(isPositive) }),
    }),
  ),
});
