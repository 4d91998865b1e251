import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StudyRecord } from '../../bench/study/records.js';
import { runStudy } from '../../bench/study/run.js';
import { presets } from '../../bench/study/settings.js';
import { allVariants } from '../../bench/study/variants.js';
import { writeIdxFolder } from '../cli/icnet.js';
import { stripes } from '../train/smallTraining.js';

const settings = {
  ...presets.quick,
  ...{ width: 4, images: 48, watched: 12, tested: 24, steps: 6, batch: 8, looks: 3 },
};
const names = ['plain', 'ic-offset', 'ic-wld', 'ic-inherited'];
const variants = allVariants.filter(({ name }) => names.includes(name));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'study-run-'));
  await writeIdxFolder(join(folder, 'data'), stripes(48), stripes(24, { name: 'others' }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the study and stops it, if asked, at the line of output with this number. */
async function study(name: string, stopAt?: number): Promise<{ records: readonly StudyRecord[]; lines: string[] }> {
  const lines: string[] = [];
  const say = (line: string): void => {
    lines.push(line);
    if (lines.length === stopAt) process.emit('SIGINT', 'SIGINT');
  };
  const records = await runStudy(
    {
      settings,
      data: [join(folder, 'data')],
      seeds: 1,
      variants,
      adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto',
      folder: join(folder, name),
      command: 'npm run study',
    },
    { json: false, say, emit: () => {} },
  );
  return { records, lines };
}

const endsOf = (records: readonly StudyRecord[]) => records.filter(({ kind }) => kind === 'end');

it('goes on where it was stopped, and ends as if it never had been', async () => {
  const whole = await study('whole');
  expect(endsOf(whole.records)).toHaveLength(4);
  expect(whole.records.filter(({ kind }) => kind === 'times')).toHaveLength(3);
  expect(whole.lines.filter((line) => line.endsWith(', 1 to do'))).toHaveLength(4);
  expect(whole.lines.filter((line) => /step \d of 6, test error [\d.]+ %, .+ left$/.test(line))).toHaveLength(12);

  const first = whole.lines.findIndex((line) => line.startsWith('2 of 4') && line.includes('step 4'));
  const stopped = await study('stopped', first + 1);
  expect(endsOf(stopped.records)).toHaveLength(1);
  expect(process.exitCode).toBe(130);
  process.exitCode = undefined;
  const resumed = await study('stopped');
  expect(resumed.lines.some((line) => line.startsWith('1 of 3'))).toBe(true);
  expect(endsOf(resumed.records)).toEqual(endsOf(whole.records));
});
