import type { BenchReport } from '../protocol.js';

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
  const report = value as BenchReport;
  const lists = [report?.convolutions, report?.networks];
  const sound =
    report?.format === 'ic-networks demo bench' &&
    typeof report.adapter === 'string' &&
    typeof report.date === 'string' &&
    lists.every(Array.isArray) &&
    report.convolutions.every(
      (row) => typeof row.name === 'string' && isTime(row.icMilliseconds) && isTime(row.plainMilliseconds),
    ) &&
    report.networks.every(
      (row) => typeof row.name === 'string' && isTime(row.milliseconds) && typeof row.peers === 'object',
    );
  if (!sound) throw new Error(`${name} holds no results of this page’s bench.`);
  return report;
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
