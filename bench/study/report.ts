import { join } from 'node:path';
import { fileName } from '../../src/io/fileName.js';
import { writeAtomically } from '../../src/io/writeAtomically.js';
import type { DifferenceEstimate } from '../../src/measure/pairedDifference.js';
import { grouped } from '../../src/terminal/output.js';
import { escaped, htmlPage, htmlTable } from '../report/html.js';
import { drawCost, drawCurves, drawErrors } from './charts.js';
import type { StartRecord, StudyRecord } from './records.js';
import { resultsOf, type Spread, type VariantResult } from './results.js';
import type { StudySettings } from './settings.js';

/** A data set's part of the report. */
interface Section {
  readonly data: string;
  readonly rows: readonly (readonly string[])[];
  /** By file name. */
  readonly charts: ReadonlyMap<string, string>;
}

const header = [
  'Network',
  'Seeds',
  'Parameters',
  'Multiply-adds',
  'Test error %',
  'Less plain',
  'By resampling',
  'Below, above plain',
  'Test loss',
  'Less plain',
  "Steps to plain's error",
  'To twice that',
  'Step',
];

/** Writes report.md with its charts beside it and report.html in one piece; nothing without a finished training. */
export async function writeReports(records: readonly StudyRecord[], folder: string): Promise<string[]> {
  const start = records.findLast((record) => record.kind === 'start');
  if (!start) return [];
  const results = resultsOf(records, start.settings);
  if (results.length === 0) return [];
  const sections = [...new Set(results.map(({ data }) => data))].map((data) =>
    sectionOf(
      results.filter((result) => result.data === data),
      start.settings,
    ),
  );
  const files = new Map<string, string>(sections.flatMap(({ charts }) => [...charts]));
  files.set('report.md', markdown(start, sections));
  files.set('report.html', html(start, sections));
  const paths = [...files].map(([name, text]) => [join(folder, name), text] as const);
  for (const [path, text] of paths) await writeAtomically(path, text);
  return paths.map(([path]) => path);
}

function sectionOf(results: readonly VariantResult[], { steps }: StudySettings): Section {
  const { data } = results[0]!;
  const name = fileName(data.toLowerCase());
  return {
    data,
    rows: results.map((result) => rowOf(result, steps)),
    charts: new Map([
      [`study-${name}-curves.svg`, drawCurves(results)],
      [`study-${name}-errors.svg`, drawErrors(results)],
      [`study-${name}-cost.svg`, drawCost(results)],
    ]),
  };
}

function rowOf(result: VariantResult, steps: number): string[] {
  const { label, seeds, parameters, multiplyAdds, error, loss, stepsToPlain, stepsToTwice, step } = result;
  const { errorBesidePlain, lossBesidePlain } = result;
  const percent = ({ mean, deviation }: Spread): string =>
    `${(mean * 100).toFixed(2)} ± ${(deviation * 100).toFixed(2)}`;
  const signs = errorBesidePlain?.signs;
  return [
    label,
    String(seeds.length),
    grouped(parameters),
    grouped(multiplyAdds),
    percent(error),
    errorBesidePlain ? estimate(errorBesidePlain.estimate, 100, 2) : '',
    errorBesidePlain ? interval(errorBesidePlain.bootstrap, 100, 2) : '',
    signs ? `${signs.below}, ${signs.above} (p ${signs.p.toFixed(3)})` : '',
    `${loss.mean.toFixed(4)} ± ${loss.deviation.toFixed(4)}`,
    lossBesidePlain ? estimate(lossBesidePlain.estimate, 1, 4) : '',
    ...[stepsToPlain, stepsToTwice].map((all) =>
      all.map((reached) => (reached === undefined ? `> ${steps}` : String(reached))).join(', '),
    ),
    step ? `${step.milliseconds.toFixed(0)} ms (${step.ratio.toFixed(2)})` : '',
  ];
}

/** A mean difference with its interval. */
function estimate(of: DifferenceEstimate, unit: number, digits: number): string {
  return `${signed(of.mean * unit, digits)} (${interval(of, unit, digits)})`;
}

function interval({ low, high }: { low: number; high: number }, unit: number, digits: number): string {
  return `${signed(low * unit, digits)} to ${signed(high * unit, digits)}`;
}

function signed(value: number, digits: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(digits)}`;
}

/** What was run, on what. */
function factsOf({ command, adapter, versions, commit, date, settings }: StartRecord): [string, string][] {
  const list = (values: Readonly<Record<string, string | number>>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  return [
    ['Command', command],
    ['Adapter', adapter],
    ['Versions', list(versions)],
    ['Commit', commit],
    ['Date', date],
    ['Settings', list({ ...settings })],
  ];
}

const notes = [
  "Test errors are of the images named `tested`, mean and sample deviation over the seeds. Less plain: the mean difference from the plain network with the same seed and its 95 % interval, by Student's t and by resampling; below, above: seeds with a smaller and a larger error than the plain network's, and how likely signs so uneven are by chance. A comparison that ended ahead of its last seed was held to a wider interval than these.",
  "Steps to plain's error: seed by seed, the first look at the `watched` images whose error is not above the plain network's at its end, and not above twice that.",
  "Step: median time on the first data set, taken in turn with the other networks', and the median ratio to the plain network's; with its teacher where there is one.",
];

function markdown(start: StartRecord, sections: readonly Section[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = (rows: readonly (readonly string[])[]): string[] => [
    line(header),
    line(header.map((_, column) => (column === 0 ? '---' : '--:'))),
    ...rows.map(line),
  ];
  return [
    '# Study',
    '',
    ...factsOf(start).map(([name, value]) => `- ${name}: ${name === 'Command' ? `\`${value}\`` : value}`),
    '',
    ...notes.map((note) => `- ${note}`),
    ...sections.flatMap(({ data, rows, charts }) => [
      '',
      `## ${data}`,
      '',
      ...table(rows),
      ...[...charts.keys()].flatMap((name) => ['', `![${name}](${name})`]),
    ]),
    '',
  ].join('\n');
}

function html(start: StartRecord, sections: readonly Section[]): string {
  return htmlPage('IC networks: study', [
    '<h1>Study</h1>',
    htmlTable([], factsOf(start)),
    `<ul>${notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul>`,
    ...sections.flatMap(({ data, rows, charts }) => [
      `<h2>${escaped(data)}</h2>`,
      htmlTable(header, rows),
      ...charts.values(),
    ]),
  ]);
}
