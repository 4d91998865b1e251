import { createTrainer, type Trainer } from '../../src/train/trainer.js';
import type { Job, StudyData } from './jobs.js';
import type { StudyRecord } from './records.js';
import type { StudySettings } from './settings.js';
import { freshState, teachingOptions, trainerOptions } from './training.js';
import { mainVariants, teachingOf, type Variant } from './variants.js';

const rounds = 9;
const stepsInARound = 3;

/**
 * Times steps of the networks in turn, so that whatever else the machine does meets all of them alike. A taught network is
 * timed with its teacher. Nothing happens where there are times already.
 */
export async function takeTimes({
  device,
  settings,
  data,
  variants,
  records,
  keep,
}: {
  readonly device: GPUDevice;
  readonly settings: StudySettings;
  readonly data: StudyData;
  readonly variants: readonly Variant[];
  readonly records: readonly StudyRecord[];
  readonly keep: (record: StudyRecord) => Promise<void>;
}): Promise<void> {
  const timed = (variant: Variant): boolean =>
    records.some((record) => record.kind === 'times' && record.variant === variant.name);
  // Choosing tries many of one network, which take the same time.
  const wanted = variants.filter((variant) => mainVariants.includes(variant));
  if (wanted.every(timed)) return;
  const trainers: Trainer[] = [];
  const teacher = freshState(device, settings, jobOf(mainVariants[0]!, data));
  try {
    for (const variant of wanted) {
      const job = jobOf(variant, data);
      const teaching = teachingOf(variant, settings);
      const lasting = teaching && teachingOptions({ ...teaching, end: 1 }, teacher, settings);
      const options = { ...trainerOptions(settings, job, lasting), steps: (rounds + 1) * stepsInARound };
      trainers.push(await createTrainer(freshState(device, settings, job), options));
    }
    const times = trainers.map((): number[] => []);
    for (let round = 0; round <= rounds; round++) {
      for (const [index, trainer] of trainers.entries()) {
        const started = performance.now();
        await trainer.run({ steps: stepsInARound });
        // The first round is a warm-up.
        if (round > 0) times[index]!.push((performance.now() - started) / stepsInARound);
      }
    }
    for (const [index, variant] of wanted.entries()) {
      await keep({ kind: 'times', data: data.name, variant: variant.name, milliseconds: times[index]! });
    }
  } finally {
    for (const trainer of trainers) {
      trainer.dispose();
      trainer.state.dispose();
    }
    teacher.dispose();
  }
}

function jobOf(variant: Variant, data: StudyData): Job {
  return { key: { data: data.name, variant: variant.name, seed: 1 }, data, variant };
}
