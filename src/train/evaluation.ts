import { destroyBuffer, readBuffer } from '../device/buffers.js';
import { ShapeError } from '../errors.js';
import { type BoundOperations, bindOperations, type CompileOptions, createBuffers } from '../graph/compile.js';
import { compileInference, type InferenceNetwork } from '../graph/inference.js';
import { labelsTensor, lossesTensor, ranksTensor } from '../graph/names.js';
import type { Network } from '../graph/network.js';
import { type NetworkOperation, operationList } from '../graph/operations.js';
import { elementCount } from '../graph/parameters.js';
import { inferShapes } from '../graph/shapes.js';
import type { NetworkState } from '../graph/state.js';
import { fillSequential } from '../io/batches.js';
import type { ImageDataset, Normalisation } from '../io/dataset.js';
import { planCrossEntropy, planEvaluationMetrics, planLabelRank } from '../ops/loss.js';
import { tensorBytes } from '../ops/plan.js';
import { stepQueue } from './stepQueue.js';

/** How well a network does on a data set. */
export interface EvaluationResult {
  readonly images: number;
  /** Mean cross entropy. */
  readonly loss: number;
  /** Share of the images whose first answer is right. */
  readonly accuracy: number;
  /** Share of the images with the right answer among the first `top`. */
  readonly topAccuracy: number;
  readonly top: number;
}

/** A network compiled for evaluation; nothing but the totals is read back. */
export interface Evaluation {
  /**
   * Evaluates the state as it is now.
   *
   * @throws ShapeError for images of another size or more classes than the network has; the signal's reason.
   */
  run(
    dataset: ImageDataset,
    normalisation: Normalisation,
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
 * @throws ShapeError, LimitError, UnsupportedError; the signal's reason when compiling is aborted.
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
  const [, height, width, channels] = inference.inputShape;
  const imageData = new Float32Array(batch * height * width * channels);
  const labelData = new Uint32Array(batch);

  function encode(pass: GPUComputePassEncoder): void {
    inference.encode(pass);
    metrics.encode(pass);
  }

  return {
    async run(dataset, normalisation, { signal, onProgress } = {}) {
      checkDataset(network, dataset);
      device.queue.writeBuffer(totals, 0, new Float32Array(4));
      const queue = stepQueue(device);
      for (let start = 0; start < dataset.count; start += batch) {
        signal?.throwIfAborted();
        labelData.fill(emptyPlace);
        fillSequential(dataset, start, batch, normalisation, imageData, labelData);
        await queue.room();
        device.queue.writeBuffer(inference.input.buffer, inference.input.offset, imageData);
        device.queue.writeBuffer(labels, 0, labelData);
        queue.submit('evaluation', encode);
        onProgress?.(Math.min(start + batch, dataset.count));
      }
      const [loss, right, topRight, images] = new Float32Array(await readBuffer(device, totals)) as unknown as [
        number,
        number,
        number,
        number,
      ];
      return { images, loss: loss / images, accuracy: right / images, topAccuracy: topRight / images, top };
    },
    dispose() {
      inference.dispose();
      metrics.dispose();
      destroyBuffer(device, labels);
      destroyBuffer(device, totals);
    },
  };
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
}
