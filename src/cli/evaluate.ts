import type { Network } from '../graph/network.js';
import type { NetworkState } from '../graph/state.js';
import { channelStatistics } from '../io/dataset.js';
import { checkDecoder } from '../io/decodePicture.js';
import { testSplits } from '../io/folderNames.js';
import { findPictureFolders, findSplit, type PictureFolders } from '../io/pictureFiles.js';
import type { PrecisionOptions } from '../ops/precision.js';
import { adapterName, openForCommand } from '../terminal/adapter.js';
import { isMnist, loadKnownData, type ReadLimits, sayLeftOut } from '../terminal/data.js';
import { grouped, type Output, percent, rounded } from '../terminal/output.js';
import { progressBar } from '../terminal/progress.js';
import { skipCounter } from '../terminal/skips.js';
import { compileEvaluation, type EvaluationBatch, type EvaluationResult } from '../train/evaluation.js';
import { usualEvaluationBatch } from './batchSize.js';
import { checkpointFile } from './checkpointFile.js';
import { folderLabels } from './folderLabels.js';
import { loadModel, type Model, type ModelFlags, openModel, pictureOptions } from './model.js';
import { firstBatchMade, pictureBatches } from './pictures.js';
import { measuringBar, tuningOptions } from './tuning.js';

export interface EvaluateFlags extends ModelFlags, ReadLimits, Required<PrecisionOptions> {
  readonly adapter: string;
  readonly data: string;
  readonly batch?: number;
  /** Measure first which kernels are fastest. */
  readonly tune: boolean;
}

/** What was evaluated: on what, how well, what was left out, and in how many seconds. */
interface Evaluated {
  readonly on: string;
  readonly result: EvaluationResult;
  readonly skipped: number;
  readonly seconds: number;
}

/** `icnet eval`. */
export async function evaluate(given: string, flags: EvaluateFlags, output: Output): Promise<void> {
  const path = await checkpointFile(given, output);
  const model = await openModel(path, flags, output);
  try {
    await evaluateModel(path, model, flags, output);
  } finally {
    await model.file.source.close();
  }
}

async function evaluateModel(path: string, model: Model, flags: EvaluateFlags, output: Output): Promise<void> {
  const started = performance.now();
  const run = await prepare(model, flags, output);
  const opened = await openForCommand(flags.adapter, output);
  try {
    const state = await loadModel(opened.device, model, output);
    const { on, result, skipped, seconds } = await run(state);
    const imagesPerSecond = result.images / seconds;
    output.emit({ event: 'eval', ...result, skipped, imagesPerSecond });
    output.say(
      `${model.network.name} on ${on}: ${percent(result.accuracy)} of ${grouped(result.images)} images right, ` +
        `${percent(result.topAccuracy)} within the first ${result.top}, loss ${result.loss.toFixed(4)}; ` +
        `${rounded(imagesPerSecond)} images/s`,
    );
    output.emit({
      event: 'done',
      testAccuracy: result.accuracy,
      steps: model.record?.training?.step ?? null,
      seconds: (performance.now() - started) / 1000,
      checkpoint: path,
      adapter: adapterName(opened.adapter),
    });
    if (skipped > 0) process.exitCode = 1;
    state.dispose();
  } finally {
    opened.close();
  }
}

/** Finds the data, so that what is wrong with it shows before a device is opened. */
async function prepare(
  model: Model,
  flags: EvaluateFlags,
  output: Output,
): Promise<(state: NetworkState) => Promise<Evaluated>> {
  const folders = (await isMnist(flags.data))
    ? undefined
    : ((await findSplit(flags.data, testSplits)) ?? (await findPictureFolders(flags.data)));
  if (!folders) return prepareDataset(model, flags, output);
  sayLeftOut(folders, output);
  await checkDecoder();
  return preparePictures(folders, model, flags, output);
}

async function prepareDataset({ record }: Model, flags: EvaluateFlags, output: Output) {
  const { train, test } = await loadKnownData(flags.data, output, flags);
  const normalisation = record?.normalisation ?? channelStatistics(train);
  return async (state: NetworkState): Promise<Evaluated> => {
    const evaluation = await compile(state, batchOf(state.network, test.count, flags), flags, output);
    const bar = progressBar('Testing', test.count, output);
    const started = performance.now();
    const result = await evaluation
      .run(test, normalisation, { onProgress: (images) => bar.update(images) })
      .finally(() => bar.stop());
    evaluation.dispose();
    return { on: test.name, result, skipped: 0, seconds: (performance.now() - started) / 1000 };
  };
}

async function preparePictures(folders: PictureFolders, model: Model, flags: EvaluateFlags, output: Output) {
  const labels = folderLabels(folders, model, output);
  const pictures = folders.classes.flatMap(({ pictures }, index) =>
    pictures.map((path) => ({ path, label: labels[index]! })),
  );
  const skips = skipCounter(output);
  const batch = batchOf(model.network, pictures.length, flags);
  const before = performance.now();
  const made = await firstBatchMade(
    pictureBatches(pictures, { batch, ...pictureOptions(model, flags), skips, limits: flags }),
    { operation: 'eval', parameter: folders.name, total: pictures.length },
  );
  const firstBatch = performance.now() - before;
  async function* batches(): AsyncGenerator<EvaluationBatch> {
    for await (const { items, images } of made) yield { images, labels: items.map(({ label }) => label) };
  }
  return async (state: NetworkState): Promise<Evaluated> => {
    const evaluation = await compile(state, batch, flags, output);
    const bar = progressBar('Testing', pictures.length, output);
    const started = performance.now() - firstBatch;
    const onProgress = (images: number): void => {
      bar.update(images + skips.count, `${rounded(images / ((performance.now() - started) / 1000))} images/s`);
    };
    const result = await evaluation.runBatches(batches(), { onProgress }).finally(() => {
      bar.stop();
      skips.say(pictures.length - skips.count);
    });
    const seconds = (performance.now() - started) / 1000;
    evaluation.dispose();
    return { on: folders.name, result, skipped: skips.count, seconds };
  };
}

function batchOf(network: Network, images: number, { batch }: EvaluateFlags): number {
  return Math.min(batch ?? usualEvaluationBatch(network), images);
}

async function compile(state: NetworkState, batch: number, flags: EvaluateFlags, output: Output) {
  const measuring = measuringBar(output);
  const tuning = tuningOptions(flags.tune, measuring, output);
  return compileEvaluation(state, { batch, precision: flags.precision, ...tuning }).finally(() => measuring.stop());
}
