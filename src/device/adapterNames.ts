import { DeviceLostError } from '../errors.js';
import { didYouMean, loosely } from '../names.js';
import type { AdapterDescription } from './adapter.js';

/** The error of `openDevice` that no adapter fits. */
export function noAdapter(expected: string, got: string, cause?: unknown): DeviceLostError {
  return new DeviceLostError({ operation: 'openDevice', parameter: 'adapter', expected, got }, { cause });
}

/** The error that no adapter is called `wanted`, with the names that there are and what else was found out. */
export function noSuchAdapter(
  wanted: string,
  names: readonly string[],
  others: readonly string[] = [],
): DeviceLostError {
  const words = names.flatMap((name) => name.match(/[\w-]+/g) ?? []);
  return noAdapter(
    `an adapter named "${wanted}"`,
    [...(names.length ? names : ['no adapter']), ...others].join('; ') +
      didYouMean(wanted, ['auto', 'gpu', 'software', ...words]),
  );
}

/** Whether one of an adapter's names, or a further one, holds `wanted`, large letters, hyphens and underscores apart. */
export function isNamed(adapter: AdapterDescription, wanted: string, ...further: readonly string[]): boolean {
  const { vendor, architecture, device, description } = adapter;
  const names = [vendor, architecture, device, description, ...further];
  return loosely(wanted) !== '' && names.some((name) => loosely(name).includes(loosely(wanted)));
}
