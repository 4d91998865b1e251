import { FormatError, UnsupportedError } from '../errors.js';
import { compileInference } from '../graph/inference.js';
import { withoutSoftmax } from '../graph/network.js';
import { checkOutputNames } from '../graph/outputNames.js';
import { checkDecoder } from '../io/decodePicture.js';
import { findPictures, isFolder } from '../io/pictureFiles.js';
import type { PrecisionOptions } from '../ops/precision.js';
import { adapterName, openForCommand } from '../terminal/adapter.js';
import type { ReadLimits } from '../terminal/data.js';
import { grouped, type Output } from '../terminal/output.js';
import { skipCounter } from '../terminal/skips.js';
import { requireWritable } from '../terminal/writing.js';
import { checkpointFile } from './checkpointFile.js';
import { layerReport } from './layerOutputs.js';
import { loadModel, type Model, type ModelFlags, openModel, pictureOptions } from './model.js';
import { firstBatchMade, pictureBatches } from './pictures.js';
import { measuringBar, tuningOptions } from './tuning.js';

export interface PredictFlags extends ModelFlags, Pick<ReadLimits, 'maxPixels'>, Required<PrecisionOptions> {
  readonly adapter: string;
  readonly weights: string;
  readonly batch: number;
  /** Classes that are shown. */
  readonly top: number;
  /** Measure first which kernels are fastest. */
  readonly tune: boolean;
  /** Layers whose outputs are wanted, too. */
  readonly output: readonly string[];
  /** Where they are saved. */
  readonly save?: string;
}

/** `icnet predict`. */
export async function predict(paths: readonly string[], flags: PredictFlags, output: Output): Promise<void> {
  await checkDecoder();
  if (flags.save !== undefined) await checkSave(flags.save, flags);
  const pictures = await listPictures(paths);
  const model = await openModel(await checkpointFile(flags.weights, output), flags, output);
  try {
    checkOutputNames('predict', withoutSoftmax(model.network), flags.output);
    await predictPictures(pictures, model, flags, output);
  } finally {
    await model.file.source.close();
  }
}

async function predictPictures(
  pictures: readonly string[],
  model: Model,
  flags: PredictFlags,
  output: Output,
): Promise<void> {
  const started = performance.now();
  const batch = Math.min(flags.batch, pictures.length);
  const skips = skipCounter(output);
  const batches = await firstBatchMade(
    pictureBatches(
      pictures.map((path) => ({ path })),
      { batch, ...pictureOptions(model, flags), skips, limits: flags },
    ),
    { operation: 'predict', parameter: 'pictures', total: pictures.length },
  );
  const opened = await openForCommand(flags.adapter, output);
  try {
    const state = await loadModel(opened.device, model, output);
    const { precision } = flags;
    const measuring = measuringBar(output);
    const tuning = tuningOptions(flags.tune, measuring, output);
    const last = withoutSoftmax(model.network).layers.at(-1)!.name;
    const outputs = [last, ...flags.output];
    const options = { batch, precision, logits: true, outputs, ...tuning };
    const network = await compileInference(state, options).finally(() => measuring.stop());
    const layers = layerReport(flags.output, network.outputs, flags.save, output);
    let predicted = 0;
    for await (const { items, images } of batches) {
      const read = await network.runOutputs(images);
      for (const [index, { path }] of items.entries()) {
        const own = read.get(last)!.subarray(index * model.classes, (index + 1) * model.classes);
        report(path, topClasses(own, flags.top, model), output);
        layers.add(path, index, read);
      }
      predicted += items.length;
    }
    await layers.finish();
    network.dispose();
    state.dispose();
    const seconds = (performance.now() - started) / 1000;
    const adapter = adapterName(opened.adapter);
    output.emit({ event: 'done', pictures: predicted, skipped: skips.count, seconds, adapter });
    skips.say(predicted);
    if (skips.count > 0) process.exitCode = 1;
  } finally {
    opened.close();
  }
}

/** Whether there is something to save, and it can be written. */
async function checkSave(file: string, { output }: Pick<PredictFlags, 'output'>): Promise<void> {
  if (output.length === 0) {
    const expected = 'the layers to save, each with --output';
    throw new UnsupportedError({ operation: 'predict', parameter: '--save', expected, got: 'none' });
  }
  await requireWritable('predict', '--save', file);
}

/** The pictures that are named, and those in the folders that are named. */
async function listPictures(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (!(await isFolder(path))) found.push(path);
    else {
      const inside = await findPictures(path);
      if (inside.length === 0) {
        const expected = 'pictures in the folder (.jpg, .jpeg, .png, .webp)';
        throw new FormatError({ operation: 'predict', parameter: path, expected, got: 'none' });
      }
      found.push(...inside);
    }
  }
  return found;
}

/** A class with its share. */
interface Answer {
  readonly class: number;
  readonly name?: string;
  readonly id?: string;
  readonly probability: number;
}

/** The likeliest classes, by softmax of a picture's logits. */
function topClasses(logits: Float32Array, top: number, { classNames }: Model): Answer[] {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const shares = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = shares.reduce((total, share) => total + share, 0);
  if (!Number.isFinite(sum)) {
    const expected = 'weights that give finite numbers';
    throw new UnsupportedError({ operation: 'predict', parameter: 'logits', expected, got: `${largest}` });
  }
  const order = shares.map((_, label) => label).sort((a, b) => logits[b]! - logits[a]! || a - b);
  return order
    .slice(0, top)
    .map((label) => ({ class: label, ...classNames?.[label], probability: shares[label]! / sum }));
}

function report(picture: string, top: readonly Answer[], output: Output): void {
  output.emit({ event: 'prediction', picture, top });
  if (output.json) return;
  output.say(picture);
  for (const { class: label, name, probability } of top) {
    // Of several names the first is the usual one.
    const shown = name?.split(', ')[0] ?? `class ${grouped(label)}`;
    output.say(`  ${`${(probability * 100).toFixed(2)} %`.padStart(8)}  ${shown}`);
  }
}
