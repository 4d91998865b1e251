import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UnsupportedError } from '../../src/errors.js';
import { adapterName, openForCommand } from '../../src/terminal/adapter.js';
import { loadKnownData } from '../../src/terminal/data.js';
import { interruptSignal } from '../../src/terminal/interrupt.js';
import type { Output } from '../../src/terminal/output.js';
import { currentCommit, versionsOf } from '../provenance.js';
import { isDecided } from './comparison.js';
import { costLines } from './costs.js';
import { cutData, type Job, type StudyData, workOf } from './jobs.js';
import { type RunKey, readRecords, type StudyRecord, sameRun, writeRecords } from './records.js';
import { remaining } from './remaining.js';
import type { StudySettings } from './settings.js';
import { takeTimes } from './times.js';
import { trainOne } from './training.js';
import { mainVariants, type Variant } from './variants.js';

export interface StudyOptions {
  readonly settings: StudySettings;
  /** As `--data` of the command line takes them. */
  readonly data: readonly string[];
  /** Trainings of each network at most. */
  readonly seeds: number;
  /** The first of their seeds; others are left to other processes or machines. 1 where left out. */
  readonly firstSeed?: number;
  /** Begins no training after so many hours; any number where left out. */
  readonly hours?: number;
  /** Folders of the same study, whose records are taken over. */
  readonly merge?: readonly string[];
  readonly variants: readonly Variant[];
  readonly adapter: string;
  /** For records, checkpoints and reports. */
  readonly folder: string;
  /** The command line, for the report. */
  readonly command: string;
}

const recordsName = 'records.jsonl';

/**
 * Trains what has not been trained yet and returns all records, or those so far where it was interrupted.
 *
 * @throws UnsupportedError where the folder holds a study of another size; what data sets, devices and trainings throw.
 */
export async function runStudy(options: StudyOptions, output: Output): Promise<readonly StudyRecord[]> {
  const { settings, folder, variants, command, seeds, firstSeed = 1, hours = Number.POSITIVE_INFINITY } = options;
  const file = join(folder, recordsName);
  const records = await readRecords(file);
  for (const other of options.merge ?? []) await takeOver(records, other);
  checkSettings(records, settings, folder);
  const data = await Promise.all(
    options.data.map(async (source) => cutData(await loadKnownData(source, output), settings)),
  );
  const { device, adapter, close } = await openForCommand(options.adapter, output);
  const interrupt = interruptSignal(() => output.say('Stopping; the same command goes on from here.'));
  const keep = async (record: StudyRecord): Promise<void> => {
    records.push(record);
    await writeRecords(file, records);
  };
  try {
    await mkdir(folder, { recursive: true });
    await keep({
      kind: 'start',
      settings,
      command,
      adapter: adapterName(adapter),
      versions: versionsOf(['webgpu']),
      commit: currentCommit(),
      date: new Date().toISOString(),
    });
    await takeTimes({ device, settings, data: data[0]!, variants, records, keep });
    const jobs = jobsOf(data, variants, firstSeed, seeds).filter(({ key }) => !isFinished(records, key));
    for (const line of costLines(jobs, settings, records)) output.say(line);
    const left = (job: Job): number => workOf(job, settings) * (1 - stepsDone(records, job.key) / settings.steps);
    const clock = remaining(jobs.reduce((sum, job) => sum + left(job), 0));
    const started = performance.now();
    for (const [index, job] of jobs.entries()) {
      if (interrupt.signal.aborted) break;
      if (performance.now() - started > hours * 3_600_000) {
        output.say(`${hours} hours are used up; the same command goes on from here.`);
        break;
      }
      if (isSettled(records, job.key, seeds)) continue;
      const title = `${index + 1} of ${jobs.length}: ${job.key.data}, ${job.variant.label(settings)}, seed ${job.key.seed}`;
      const say = (words: string): void => output.say(`${title}: ${words}`);
      await trainOne({ device, settings, folder, job, keep, say, clock, signal: interrupt.signal });
    }
    return records;
  } finally {
    interrupt.release();
    close();
  }
}

/** Adds what another folder has and these records have not. */
async function takeOver(records: StudyRecord[], folder: string): Promise<void> {
  const others = await readRecords(join(folder, recordsName));
  if (others.length === 0) {
    throw new UnsupportedError({
      operation: 'study',
      parameter: '--merge',
      expected: 'a folder with records',
      got: folder,
    });
  }
  const known = new Set(records.map((record) => JSON.stringify(record)));
  records.push(...others.filter((record) => !known.has(JSON.stringify(record))));
}

function checkSettings(records: readonly StudyRecord[], settings: StudySettings, folder: string): void {
  const other = records.find(
    (record) => record.kind === 'start' && JSON.stringify(record.settings) !== JSON.stringify(settings),
  );
  if (other?.kind !== 'start') return;
  throw new UnsupportedError({
    operation: 'study',
    parameter: folder,
    expected: `the settings of the study there, ${JSON.stringify(other.settings)}, or another --output`,
    got: JSON.stringify(settings),
  });
}

/** Whether a variant need not be trained with a seed: what its earlier seeds say of it is decided. */
function isSettled(records: readonly StudyRecord[], { data, variant, seed }: RunKey, most: number): boolean {
  const plain = mainVariants[0]!.name;
  if (variant === plain) return false;
  const errorsOf = (name: string): Map<number, number> =>
    new Map(
      records
        .filter((record) => record.kind === 'end')
        .filter((end) => end.data === data && end.variant === name && end.seed < seed)
        .map((end) => [end.seed, 1 - end.tested.accuracy]),
    );
  const [own, other] = [errorsOf(variant), errorsOf(plain)];
  const paired = [...own.keys()].filter((one) => other.has(one)).sort((one, two) => one - two);
  return paired.some((_, index) => {
    const first = paired.slice(0, index + 1);
    const valuesOf = (errors: ReadonlyMap<number, number>): number[] => first.map((one) => errors.get(one)!);
    return isDecided(valuesOf(own), valuesOf(other), most);
  });
}

/** Seed by seed, so that what there is after some time is a whole study of fewer seeds. */
function jobsOf(data: readonly StudyData[], variants: readonly Variant[], firstSeed: number, seeds: number): Job[] {
  const teacher = mainVariants.filter(({ name }) => name === 'plain');
  const taught = variants.some(({ teaching }) => teaching) && !variants.some(({ name }) => name === 'plain');
  const all = taught ? [...teacher, ...variants] : variants;
  return Array.from({ length: seeds }, (_, index) => firstSeed + index).flatMap((seed) =>
    data.flatMap((one) =>
      all.map((variant) => ({ key: { data: one.name, variant: variant.name, seed }, data: one, variant })),
    ),
  );
}

/** The steps of a training that was stopped. */
function stepsDone(records: readonly StudyRecord[], key: RunKey): number {
  return records.reduce(
    (most, record) =>
      record.kind === 'stretch' && sameRun(record, key) ? Math.max(most, record.first + record.losses.length) : most,
    0,
  );
}

function isFinished(records: readonly StudyRecord[], key: RunKey): boolean {
  return records.some((record) => record.kind === 'end' && sameRun(record, key));
}
