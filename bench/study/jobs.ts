import { join } from 'node:path';
import { channelStatistics, type ImageDataset, type Normalisation, subset } from '../../src/io/dataset.js';
import { fileName } from '../../src/io/fileName.js';
import type { ImageFolder } from '../../src/io/folder.js';
import { summarise } from '../../src/models/summary.js';
import type { RunKey } from './records.js';
import type { StudySettings } from './settings.js';
import { mainVariants, networkOf, teachingOf, type Variant } from './variants.js';

/** A data set cut to the study's size. */
export interface StudyData {
  readonly name: string;
  readonly train: ImageDataset;
  readonly watched: ImageDataset;
  readonly tested: ImageDataset;
  readonly normalisation: Normalisation;
}

/** One training that is still to be done. */
export interface Job {
  readonly key: RunKey;
  readonly data: StudyData;
  readonly variant: Variant;
}

/** A study's part of a data set. Where something is to be chosen, the test set is not looked at. */
export function cutData({ train, test }: ImageFolder, settings: StudySettings): StudyData {
  const { images, validation, watched, tested } = settings;
  const front = (whole: ImageDataset, count: number): ImageDataset => subset(whole, 0, Math.min(count, whole.count));
  const count = Math.min(images + validation, train.count);
  const used = front(train, count - Math.floor((count * validation) / (images + validation)));
  const held = validation > 0 ? subset(train, used.count, count - used.count) : test;
  return {
    name: train.name,
    train: used,
    watched: front(held, watched),
    tested: front(held, tested),
    normalisation: channelStatistics(used),
  };
}

/** Where a training's checkpoint lies. */
export function checkpointPath(folder: string, { data, variant, seed }: RunKey): string {
  return join(folder, `${fileName(data)}-${variant}-${seed}.safetensors`);
}

/** The training whose network teaches. */
export function teacherOf(key: RunKey): RunKey {
  return { ...key, variant: mainVariants[0]!.name };
}

/** Parameters of a variant's network, and its multiply-adds of one image forward. */
export function costOf({ variant, data }: Job, settings: StudySettings): { parameters: number; multiplyAdds: number } {
  const { parameters, multiplyAdds } = summarise(networkOf(variant, settings, data.train));
  return { parameters, multiplyAdds };
}

/** The multiply-adds of a training and its tests; a step is three times its forward pass. */
export function workOf(job: Job, settings: StudySettings): number {
  const { steps, batch, looks } = settings;
  const { watched, tested } = job.data;
  const taught = (teachingOf(job.variant, settings)?.end ?? 0) * steps * batch;
  const images = 3 * steps * batch + looks * watched.count + tested.count + taught;
  return images * costOf(job, settings).multiplyAdds;
}
