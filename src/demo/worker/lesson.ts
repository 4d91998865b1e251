import { compileInference, type InferenceNetwork } from '../../graph/inference.js';
import { type NetworkState, readState } from '../../graph/state.js';
import { channelStatistics, type ImageDataset, type Normalisation } from '../../io/dataset.js';
import { cifarResNet } from '../../models/resnet.js';
import { encodeNetwork } from '../../train/checkpoint.js';
import { createTrainer } from '../../train/trainer.js';
import { indexedDBTuningStore } from '../../tune/indexedDBStore.js';
import type { Lesson, LessonExport, LessonResult, NamedFile } from '../protocol.js';
import { normalised, softmax } from './classify.js';
import { freshState } from './contestant.js';
import { gpuDevice } from './gpu.js';
import { splitLesson } from './lessonSplit.js';
import { tell } from './post.js';
import { whilePaused } from './training.js';

/*
 * A small IC network that learns what the visitor shows it.
 */

const steps = 120;
const largestBatch = 32;
const seed = 1;

/** What was learnt last. */
interface Pupil {
  readonly state: NetworkState;
  readonly inference: InferenceNetwork;
  readonly normalisation: Normalisation;
  readonly names: readonly string[];
}

let pupil: Pupil | undefined;
let stopping: AbortController | undefined;

/** Trains on the lesson's pictures but those held out, and says what it takes these for. A training elsewhere pauses meanwhile. */
export async function teach(lesson: Lesson): Promise<LessonResult> {
  stopLesson();
  stopping = new AbortController();
  const { signal } = stopping;
  return whilePaused(() => learn(lesson, signal));
}

/** Ends a lesson that is under way. */
export function stopLesson(): void {
  stopping?.abort();
}

async function learn({ side, names, pictures }: Lesson, signal: AbortSignal): Promise<LessonResult> {
  const { train, test } = splitLesson(pictures.map(({ label }) => label));
  const dataset = datasetOf(
    side,
    names,
    train.map((index) => pictures[index]!),
  );
  const normalisation = channelStatistics(dataset);
  const input = { height: side, width: side, channels: 3 };
  const network = cifarResNet({ depth: 8, width: 8, stemStride: 2, ic: true, input, classes: names.length });
  const state = freshState(await gpuDevice(), network, seed);
  try {
    const trainer = await createTrainer(state, {
      dataset,
      normalisation,
      batch: Math.min(largestBatch, dataset.count),
      steps,
      seed,
      signal,
      tuning: indexedDBTuningStore(),
      augmentation: { padding: 3 },
      labelSmoothing: 0.05,
      schedule: { kind: 'cosine', warmUp: Math.floor(steps / 12) },
      optimiser: { kind: 'adamW', learningRate: 0.01 },
    });
    try {
      await trainer.run({
        signal,
        onStep: ({ step, loss, accuracy }) => tell('learning', { step, steps, loss, accuracy }),
      });
      signal.throwIfAborted();
    } finally {
      trainer.dispose();
    }
    const inference = await compileInference(state, { batch: 1, tuning: indexedDBTuningStore() });
    forget();
    pupil = { state, inference, normalisation, names };
  } catch (error) {
    state.dispose();
    throw error;
  }
  const answers: LessonResult['answers'][number][] = [];
  for (const index of test) {
    const { label, pixels } = pictures[index]!;
    const probabilities = await recognise(pixels);
    answers.push({ index, label, answer: probabilities.indexOf(Math.max(...probabilities)) });
  }
  return { answers, trained: train.length };
}

function datasetOf(side: number, names: readonly string[], pictures: Lesson['pictures']): ImageDataset {
  const size = side * side * 3;
  const images = new Uint8Array(pictures.length * size);
  for (const [index, { pixels }] of pictures.entries()) images.set(pixels, index * size);
  return {
    name: 'shown in the page',
    count: pictures.length,
    height: side,
    width: side,
    channels: 3,
    classes: names.length,
    classNames: names,
    images,
    labels: Uint8Array.from(pictures, ({ label }) => label),
  };
}

/** What was learnt says to a picture: a probability a class. */
export async function recognise(pixels: Uint8Array): Promise<Float32Array> {
  if (!pupil) throw new Error('Nothing has been taught yet.');
  return softmax(await pupil.inference.run(normalised(pixels, pupil.normalisation)));
}

/** What was learnt, as files to use elsewhere. */
export async function exportLesson(kind: LessonExport): Promise<NamedFile> {
  if (!pupil) throw new Error('Nothing has been taught yet.');
  const { state, normalisation, names: classNames } = pupil;
  const { network } = state;
  const values = await readState(state);
  const weights = (): Uint8Array<ArrayBuffer> =>
    encodeNetwork(network, values, { normalisation, classNames }) as Uint8Array<ArrayBuffer>;
  switch (kind) {
    case 'safetensors':
      return { name: 'taught.safetensors', bytes: weights() };
    case 'onnx': {
      const { encodeOnnx } = await import('../../onnx/encode.js');
      return { name: 'taught.onnx', bytes: encodeOnnx(network, values, { normalisation, classNames }) };
    }
    case 'page':
    case 'script': {
      const { programOf } = await import('./lessonPrograms.js');
      return programOf(kind, weights());
    }
  }
}

function forget(): void {
  pupil?.inference.dispose();
  pupil?.state.dispose();
  pupil = undefined;
}
