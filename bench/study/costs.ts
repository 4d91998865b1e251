import { median } from '../../src/measure/statistics.js';
import { costOf, type Job } from './jobs.js';
import type { StudyRecord } from './records.js';
import type { StudySettings } from './settings.js';

/** What the trainings that are to be done take, network by network, in words. */
export function costLines(jobs: readonly Job[], settings: StudySettings, records: readonly StudyRecord[]): string[] {
  const first = new Map(jobs.map((job) => [`${job.key.data} ${job.key.variant}`, job]));
  return [...first.values()].map((job) => {
    const { data, variant } = job.key;
    const trainings = jobs.filter(({ key }) => key.data === data && key.variant === variant).length;
    const { multiplyAdds } = costOf(job, settings);
    const each = 3 * multiplyAdds * settings.steps * settings.batch;
    const times = records.filter((record) => record.kind === 'times').findLast((record) => record.variant === variant);
    const minutes = times && (median(times.milliseconds) * settings.steps) / 60_000;
    const words = [
      `${(multiplyAdds / 1e6).toFixed(2)} million multiply-adds an image`,
      `${(each / 1e12).toFixed(1)} trillion a training`,
      ...(minutes === undefined ? [] : [`${minutes.toFixed(1)} min each`]),
    ];
    return `${data}, ${job.variant.label(settings)}: ${words.join(', ')}, ${trainings} to do`;
  });
}
