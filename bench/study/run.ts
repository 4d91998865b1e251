import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UnsupportedError } from '../../src/errors.js';
import { adapterName, openForCommand } from '../../src/terminal/adapter.js';
import { loadKnownData } from '../../src/terminal/data.js';
import { interruptSignal } from '../../src/terminal/interrupt.js';
import type { Output } from '../../src/terminal/output.js';
import { currentCommit, versionsOf } from '../provenance.js';
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
  /** Trainings of each network, with seeds 1, 2, ... */
  readonly seeds: number;
  readonly variants: readonly Variant[];
  readonly adapter: string;
  /** For records, checkpoints and reports. */
  readonly folder: string;
  /** The command line, for the report. */
  readonly command: string;
}

/**
 * Trains what has not been trained yet and returns all records, or those so far where it was interrupted.
 *
 * @throws UnsupportedError where the folder holds a study of another size; what data sets, devices and trainings throw.
 */
export async function runStudy(options: StudyOptions, output: Output): Promise<readonly StudyRecord[]> {
  const { settings, folder, variants, command } = options;
  const file = join(folder, 'records.jsonl');
  const records = await readRecords(file);
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
    const jobs = jobsOf(data, variants, options.seeds).filter(({ key }) => !isFinished(records, key));
    const left = (job: Job): number => workOf(job, settings) * (1 - stepsDone(records, job.key) / settings.steps);
    const clock = remaining(jobs.reduce((sum, job) => sum + left(job), 0));
    for (const [index, job] of jobs.entries()) {
      if (interrupt.signal.aborted) break;
      const title = `${index + 1} of ${jobs.length}: ${job.key.data}, ${job.variant.label(settings)}, seed ${job.key.seed}`;
      const say = (words: string): void => output.say(`${title}: ${words}`);
      await trainOne({ device, settings, folder, job, keep, say, clock, signal: interrupt.signal });
    }
    if (!interrupt.signal.aborted) await takeTimes({ device, settings, data: data[0]!, variants, records, keep });
    return records;
  } finally {
    interrupt.release();
    close();
  }
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

/** Seed by seed, so that what there is after some time is a whole study of fewer seeds. */
function jobsOf(data: readonly StudyData[], variants: readonly Variant[], seeds: number): Job[] {
  const teacher = mainVariants.filter(({ name }) => name === 'plain');
  const taught = variants.some(({ teaching }) => teaching) && !variants.some(({ name }) => name === 'plain');
  const all = taught ? [...teacher, ...variants] : variants;
  return Array.from({ length: seeds }, (_, index) => index + 1).flatMap((seed) =>
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
