import type { Counterpart, Peaks, Report, Row } from '../../src/compare/rows.js';
import { table } from '../../src/terminal/output.js';
import { suiteMeans } from './means.js';

const barWidth = 20;

/** What the adapter reaches at best, in words. */
export function peaksLine({ fmaGflops, matrixGflops, copyGigabytesPerSecond }: Peaks): string {
  const matrix = matrixGflops === undefined ? '' : `${matrixGflops.toFixed(1)} by matrix units, `;
  return `${fmaGflops.toFixed(1)} GFLOP/s, ${matrix}${copyGigabytesPerSecond.toFixed(2)} GB/s copied`;
}

/** A report as lines for a terminal. */
export function reportLines(report: Report): string[] {
  const { rows, failures, leftOut, incomparable, peaks, roofline } = report;
  const lines: string[] = [];
  if (rows.length > 0) {
    const widest = Math.max(...rows.map(({ ratio }) => ratio ?? 0));
    const header = ['Row', 'Pass', 'Kernel', 'Beside', 'Ours ms', 'Peer ms', 'Ratio', '95 %', 'GFLOP/s', ''];
    lines.push(...aligned([header, ...rows.map((row) => rowCells(row, widest))], [0, 1, 2, 3, 9]), '');
    for (const note of new Set(rows.flatMap(({ note }) => note ?? []))) lines.push(note);
    lines.push(
      'Ratio: peer / ours; beside the plain convolution of this package IC / plain.',
      ...waitingLines(report),
      '',
    );
  }
  const means = suiteMeans(rows);
  if (means.length > 0) {
    const cells = means.map(({ suite, pass, peer, rows: count, mean }) => [
      `${suite} ${pass}, ${peer.name}`,
      `${count}`,
      mean.toFixed(2),
    ]);
    lines.push(...table([['Geometric means', 'Rows', 'Ratio'], ...cells]), '');
  }
  if (peaks) {
    lines.push(`Measured peaks: ${peaksLine(peaks)}`);
    const cells = roofline.map(({ name, pass, gflops, attainableGflops, share }) => [
      name,
      pass,
      gflops.toFixed(1),
      attainableGflops.toFixed(1),
      `${(share * 100).toFixed(0)} %`,
      bar(share, 1),
    ]);
    if (cells.length > 0)
      lines.push(...aligned([['Roofline', 'Pass', 'GFLOP/s', 'Attainable', 'Share', ''], ...cells], [0, 1, 5]));
    lines.push('');
  }
  if (leftOut > 0) lines.push(`Interrupted: ${leftOut} rows are left out.`);
  if (incomparable > 0) lines.push(`${incomparable} rows are left out: none of the peers computes them.`);
  for (const { suite, name, pass, peer, message } of failures) {
    lines.push(`FAILED ${suite} ${name} ${pass}${peer === null ? '' : ` beside ${peer}`}: ${message}`);
  }
  return lines;
}

/** How ours and each counterpart wait for their results. */
export function waitingLines({ adapter, rows }: Report): string[] {
  const ours = adapter.software ? ["Ours waits with this package's naps."] : [];
  const theirs = rows.flatMap(({ peer }) => (peer ? [`${titled(peer)} waits ${peer.waiting}.`] : []));
  return [...ours, ...new Set(theirs)];
}

/** A counterpart with its version. */
export function titled({ name, version }: Counterpart): string {
  return `${name} ${version}`;
}

function rowCells(row: Row, widest: number): string[] {
  const { suite, name, pass, peer, family, oursMs, peerMs, ratio, ratioLow, ratioHigh, gflops, note } = row;
  return [
    `${suite} ${name}`,
    pass,
    family + (note?.startsWith('*') ? ' *' : ''),
    peer ? titled(peer) : '',
    milliseconds(oursMs),
    peerMs === null ? '' : milliseconds(peerMs),
    ratio === null ? '' : ratio.toFixed(2),
    ratioLow === null || ratioHigh === null ? '' : `${ratioLow.toFixed(2)} - ${ratioHigh.toFixed(2)}`,
    gflops === null ? '' : gflops.toFixed(1),
    ratio === null ? '' : bar(ratio, widest),
  ];
}

/** Lines of columns, flush left those that hold words or bars. */
function aligned(rows: readonly (readonly string[])[], words: readonly number[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (words.includes(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** Three digits that count. */
export function milliseconds(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A bar of eighths of blocks. */
export function bar(value: number, widest: number): string {
  const eighths = Math.round((Math.min(value, widest) / widest) * barWidth * 8);
  const rest = eighths % 8;
  return '█'.repeat(Math.floor(eighths / 8)) + (rest === 0 ? '' : ' ▏▎▍▌▋▊▉'[rest]);
}
