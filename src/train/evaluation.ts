import { kindOf, requireKind } from '../arrays.js';
import { destroyBuffer, readBuffer, writeBuffer } from '../device/buffers.js';
import { lifetime } from '../device/lifetime.js';
import { ShapeError } from '../errors.js';
import { type BoundOperations, bindOperations, type CompileOptions, createBuffers, tunerOf } from '../graph/compile.js';
import { compileInference, type InferenceNetwork } from '../graph/inference.js';
import { labelsTensor, lossesTensor, ranksTensor } from '../graph/names.js';
import type { Network } from '../graph/network.js';
import { type NetworkOperation, operationList } from '../graph/operations.js';
import { elementCount } from '../graph/parameters.js';
import { inferShapes } from '../graph/shapes.js';
import type { NetworkState } from '../graph/state.js';
import { using } from '../graph/uses.js';
import { fillSequential } from '../io/batches.js';
import { type ImageDataset, type Normalisation, requireDataset } from '../io/dataset.js';
import { planCrossEntropy, planEvaluationMetrics, planLabelRank } from '../ops/loss.js';
import { tensorBytes } from '../ops/plan.js';
import { stepQueue } from './stepQueue.js';

/** How well a network does on a data set. */
export interface EvaluationResult {
  /** How many there were. */
  readonly images: number;
  /** Mean cross entropy. */
  readonly loss: number;
  /** Share of the images whose first answer is right. */
  readonly accuracy: number;
  /** Share of the images with the right answer among the first `top`. */
  readonly topAccuracy: number;
  /** Answers that count for `topAccuracy`: 5, or the classes where they are fewer. */
  readonly top: number;
}

/** Images and labels of one batch, which may have fewer than the network is compiled for. */
export interface EvaluationBatch {
  /** [count, height, width, channels], normalised. */
  readonly images: Float32Array;
  /** [count] */
  readonly labels: ArrayLike<number>;
}

/**
 * A network compiled for evaluation; nothing but the totals is read back. It does one thing at a time, and needs a state that
 * does not change meanwhile; several evaluations of one state may run at once.
 */
export interface Evaluation {
  /**
   * Evaluates the state as it is now.
   *
   * @throws ShapeError for images of another size or more classes than the network has, and for a data set whose arrays are
   * not what it says; BusyError while an earlier run has not ended, a training runs with the state, or weights are loaded into
   * it; DisposedError, DeviceLostError; the signal's reason.
   */
  run(
    dataset: ImageDataset,
    normalisation: Normalisation,
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (images: number) => void },
  ): Promise<EvaluationResult>;
  /**
   * The same for batches that are made on the way; a batch's arrays may be used again when the next one is asked for.
   *
   * @throws ShapeError for a batch of other than 1 to `batch` images, for no batch at all, and for a label that the network
   * has not; BusyError as `run` does; DisposedError, DeviceLostError; what making a batch throws; the signal's reason.
   */
  runBatches(
    batches: Iterable<EvaluationBatch> | AsyncIterable<EvaluationBatch>,
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (images: number) => void },
  ): Promise<EvaluationResult>;
  /** Frees what the evaluation owns; the state stays. */
  dispose(): void;
}

const emptyPlace = 0xffffffff;
const logitsTensor = 'logits';
const totalsTensor = 'totals';

/**
 * Compiles a network for evaluation in batches of one size; `top` defaults to 5, or all classes where there are fewer.
 *
 * @throws ShapeError, LimitError, UnsupportedError, DisposedError, DeviceLostError; the signal's reason when compiling is
 * aborted.
 */
export async function compileEvaluation(
  state: NetworkState,
  options: CompileOptions & { readonly batch: number; readonly top?: number },
): Promise<Evaluation> {
  const { device, network } = state;
  const { batch } = options;
  const classes = classCount(network);
  const top = Math.min(options.top ?? 5, classes);
  const operations = evaluationOperations(batch, classes, top);
  const inference = await compileInference(state, { memory: 'fastest', ...options, logits: true });
  const { labels, totals, metrics } = await bindMetrics(device, operations, inference, options).catch((error) => {
    inference.dispose();
    throw error;
  });
  const life = lifetime(
    device,
    'evaluation',
    () => {
      inference.dispose();
      metrics.dispose();
      for (const buffer of [labels, totals]) destroyBuffer(device, buffer);
    },
    state,
  );
  const [, height, width, channels] = inference.inputShape;
  const imageSize = height * width * channels;
  const labelData = new Uint32Array(batch);

  function encode(pass: GPUComputePassEncoder): void {
    inference.encode(pass);
    metrics.encode(pass);
  }

  const runAlone: Evaluation['runBatches'] = async (batches, { signal, onProgress } = {}) => {
    writeBuffer(device, totals, new Float32Array(4));
    const queue = stepQueue(device, 'evaluate', life, tunerOf(options));
    let done = 0;
    for await (const { images, labels: given } of batches) {
      signal?.throwIfAborted();
      requireKind(network.name, 'images', images, 'Float32Array');
      checkBatch(network, given, images.length / imageSize, batch, classes);
      labelData.fill(emptyPlace);
      labelData.set(given);
      await queue.room();
      writeBuffer(device, inference.input.buffer, images as Float32Array<ArrayBuffer>, inference.input.offset);
      writeBuffer(device, labels, labelData);
      queue.submit('evaluation', encode);
      done += given.length;
      onProgress?.(done);
    }
    if (done === 0) {
      const details = { operation: network.name, parameter: 'batches', expected: 'an image or more', got: 'none' };
      throw new ShapeError(details);
    }
    await queue.end();
    const read = new Float32Array(await readBuffer(device, totals));
    const [loss, right, topRight, images] = read as unknown as [number, number, number, number];
    return { images, loss: loss / images, accuracy: right / images, topAccuracy: topRight / images, top };
  };

  const used = [
    { thing: totals, name: 'evaluation', use: 'write' },
    { thing: state, name: 'state', use: 'read' },
  ] as const;
  const runBatches: Evaluation['runBatches'] = async (batches, options) => {
    life.assertUsable('evaluate');
    checkIterable(batches);
    return using('evaluate', used, () => runAlone(batches, options));
  };

  function* batchesOf(dataset: ImageDataset, normalisation: Normalisation): Generator<EvaluationBatch> {
    const images = new Float32Array(batch * imageSize);
    const given = new Uint32Array(batch);
    for (let start = 0; start < dataset.count; start += batch) {
      const filled = fillSequential(dataset, start, batch, normalisation, images, given);
      yield { images: images.subarray(0, filled * imageSize), labels: given.subarray(0, filled) };
    }
  }

  return {
    runBatches,
    async run(dataset, normalisation, options) {
      checkDataset(network, dataset);
      return runBatches(batchesOf(dataset, normalisation), options);
    },
    dispose: life.dispose,
  };
}

function checkIterable(batches: object): void {
  if (Symbol.iterator in batches || Symbol.asyncIterator in batches) return;
  const expected = 'batches one behind the other, as a generator gives them';
  throw new ShapeError({ operation: 'evaluate', parameter: 'batches', expected, got: kindOf(batches) });
}

function checkBatch(
  { name }: Network,
  labels: ArrayLike<number>,
  images: number,
  batch: number,
  classes: number,
): void {
  const count = labels.length;
  if (count < 1 || count > batch || images !== count) {
    const expected = `1 to ${batch} images, as compiled, with a label each`;
    throw new ShapeError({ operation: name, parameter: 'batch', expected, got: `${images} images, ${count} labels` });
  }
  const strange = Array.from(labels).find((label) => !Number.isSafeInteger(label) || label < 0 || label >= classes);
  if (strange === undefined) return;
  throw new ShapeError({ operation: name, parameter: 'labels', expected: `0 to ${classes - 1}`, got: `${strange}` });
}

/** What follows a batch's logits. */
function evaluationOperations(batch: number, classes: number, top: number): readonly NetworkOperation[] {
  const list = operationList();
  const given = { logits: logitsTensor, labels: labelsTensor };
  list.append('loss', planCrossEntropy({ batch, classes }), { ...given, losses: lossesTensor });
  list.append('loss', planLabelRank({ batch, classes }), { ...given, ranks: ranksTensor });
  list.append('metrics', planEvaluationMetrics(batch, top), {
    losses: lossesTensor,
    ranks: ranksTensor,
    labels: labelsTensor,
    totals: totalsTensor,
  });
  return list.operations;
}

async function bindMetrics(
  device: GPUDevice,
  operations: readonly NetworkOperation[],
  { batch, output }: InferenceNetwork,
  { signal }: CompileOptions,
): Promise<{ labels: GPUBuffer; totals: GPUBuffer; metrics: BoundOperations }> {
  const usage = 0x80 | 0x04 | 0x08;
  const made = await createBuffers(device, [
    { label: 'labels', size: tensorBytes(batch), usage },
    { label: 'evaluation totals', size: tensorBytes(4), usage },
  ]);
  const [labels, totals] = made as [GPUBuffer, GPUBuffer];
  const external = new Map([
    [logitsTensor, output],
    [labelsTensor, { buffer: labels, offset: 0, size: labels.size }],
    [totalsTensor, { buffer: totals, offset: 0, size: totals.size }],
  ]);
  try {
    return {
      labels,
      totals,
      metrics: await bindOperations(device, operations, external, [], signal ? { signal } : {}),
    };
  } catch (error) {
    for (const buffer of made) destroyBuffer(device, buffer);
    throw error;
  }
}

function classCount(network: Network): number {
  const output = inferShapes(network, 1).get(network.layers.at(-1)!.name)!;
  return elementCount(output);
}

/**
 * Refuses a data set that does not fit a network.
 *
 * @throws ShapeError
 */
export function checkDataset(network: Network, dataset: ImageDataset): void {
  requireDataset(network.name, dataset);
  const { height, width, channels } = network.input;
  const classes = classCount(network);
  const fits = dataset.height === height && dataset.width === width && dataset.channels === channels;
  if (!fits) {
    throw new ShapeError({
      operation: network.name,
      parameter: dataset.name,
      expected: `images of ${height} x ${width} x ${channels}, as the network's input`,
      got: `${dataset.height} x ${dataset.width} x ${dataset.channels}`,
    });
  }
  if (dataset.classes > classes) {
    throw new ShapeError({
      operation: network.name,
      parameter: dataset.name,
      expected: `at most ${classes} classes, as the network has`,
      got: String(dataset.classes),
    });
  }
  const strange = dataset.labels.findIndex((label) => label >= dataset.classes);
  if (strange < 0) return;
  throw new ShapeError({
    operation: network.name,
    parameter: `${dataset.name}, labels`,
    expected: `labels below ${dataset.classes}`,
    got: `${dataset.labels[strange]} for image ${strange}`,
  });
}
