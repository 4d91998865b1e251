import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { openDevice } from '../../src/device/node.js';
import { DeviceLostError, ShapeError } from '../../src/errors.js';
import { compileInference } from '../../src/graph/inference.js';
import type { NetworkState } from '../../src/graph/state.js';
import { fillSequential } from '../../src/io/batches.js';
import type { ImageDataset } from '../../src/io/dataset.js';
import { compileEvaluation } from '../../src/train/evaluation.js';
import { crossEntropyReference, topKCountReference } from '../reference/loss.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { EPSILON, expectClose } from '../support/tolerance.js';
import { disposeAll, freshState, freshTrainer, stripes } from './smallTraining.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const normalisation = { mean: [0.4], deviation: [0.3] };

/** What an evaluation must come to: the logits read back, and the rest in float64. */
async function expectation(state: NetworkState, dataset: ImageDataset, batch: number, top: number) {
  const inference = await compileInference(state, { batch });
  const logits: number[] = [];
  for (let start = 0; start < dataset.count; start += batch) {
    const count = Math.min(batch, dataset.count - start);
    const images = new Float32Array(count * 64);
    fillSequential(dataset, start, count, normalisation, images, new Uint32Array(count));
    logits.push(...(await inference.run(images)));
  }
  inference.dispose();
  const operands = { logits, labels: dataset.labels, classes: 3 };
  const { loss, losses } = crossEntropyReference(operands);
  const share = (k: number): number => topKCountReference(operands, k) / dataset.count;
  return { loss, losses, accuracy: share(1), topAccuracy: share(top), images: dataset.count, top };
}

describe('an evaluation', () => {
  it.each([
    ['whole batches', 24, 8, 2],
    ['a short last batch', 29, 8, 2],
    ['a batch for each image', 5, 1, 1],
    ['fewer images than a batch', 3, 8, 2],
    ['more of them than a workgroup has threads', 75, 70, 3],
  ])('counts %s right', async (_, count, batch, top) => {
    const state = freshState(device);
    const dataset = stripes(count);
    const expected = await expectation(state, dataset, batch, top);
    const evaluation = await compileEvaluation(state, { batch, top });
    const { loss, ...shares } = await evaluation.run(dataset, normalisation);
    const { loss: exact, losses, ...exactShares } = expected;
    expect(shares).toEqual(exactShares);
    expectClose([loss], [exact], (count + 16) * EPSILON * Math.max(...losses), `loss of ${count} images`);
    expect(await evaluation.run(dataset, normalisation)).toEqual({ loss, ...shares });
    evaluation.dispose();
    state.dispose();
  });

  it('follows the state as it trains, and looks at no more classes than there are', async () => {
    const trainer = await freshTrainer(device, { steps: 40, batch: 8 });
    const dataset = stripes(24);
    const evaluation = await compileEvaluation(trainer.state, { batch: 8 });
    const before = await evaluation.run(dataset, normalisation);
    expect(before).toMatchObject({ top: 3, topAccuracy: 1 });
    await trainer.run();
    const after = await evaluation.run(dataset, normalisation);
    const expected = await expectation(trainer.state, dataset, 8, 3);
    expect(after.accuracy).toBe(expected.accuracy);
    expect(after.loss).toBeLessThan(before.loss);
    evaluation.dispose();
    disposeAll(trainer);
  });

  it('says how far it is and stops when told to', async () => {
    const state = freshState(device);
    const evaluation = await compileEvaluation(state, { batch: 8 });
    const seen: number[] = [];
    await evaluation.run(stripes(20), normalisation, { onProgress: (images) => seen.push(images) });
    expect(seen).toEqual([8, 16, 20]);

    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const run = evaluation.run(stripes(20), normalisation, { signal: controller.signal, onProgress });
    await expect(run).rejects.toThrow('enough');
    evaluation.dispose();
    state.dispose();
  });

  it('takes batches that are made on the way, and refuses those that do not fit', async () => {
    const state = freshState(device);
    const dataset = stripes(11);
    const evaluation = await compileEvaluation(state, { batch: 4 });
    const images = new Float32Array(11 * 64);
    const labels = new Uint32Array(11);
    fillSequential(dataset, 0, 11, normalisation, images, labels);
    const batchOf = (start: number, end: number) => ({
      images: images.subarray(start * 64, end * 64),
      labels: labels.subarray(start, end),
    });
    async function* batches() {
      yield batchOf(0, 3);
      yield batchOf(3, 7);
      yield batchOf(7, 11);
    }
    const { loss, ...shares } = await evaluation.runBatches(batches());
    const { loss: whole, ...wholeShares } = await evaluation.run(dataset, normalisation);
    expect(shares).toEqual(wholeShares);
    expect(loss).toBeCloseTo(whole, 5);
    await expect(evaluation.runBatches([])).rejects.toMatchObject({ parameter: 'batches' });
    await expect(evaluation.runBatches([batchOf(0, 5)])).rejects.toMatchObject({ parameter: 'batch' });
    const odd = { images: images.subarray(0, 100), labels: labels.subarray(0, 2) };
    await expect(evaluation.runBatches([odd])).rejects.toBeInstanceOf(ShapeError);
    const strange = { images: images.subarray(0, 64), labels: [3] };
    await expect(evaluation.runBatches([strange])).rejects.toMatchObject({ parameter: 'labels', got: '3' });
    evaluation.dispose();
    state.dispose();
  });

  it('needs no more memory for more images, and gives all of it back', async () => {
    const state = freshState(device);
    const before = bufferUsage(device);
    const evaluation = await compileEvaluation(state, { batch: 8 });
    const compiled = bufferUsage(device);
    await evaluation.run(stripes(64), normalisation);
    expect(bufferUsage(device)).toEqual(compiled);
    evaluation.dispose();
    expect(bufferUsage(device)).toEqual(before);
    state.dispose();
  });

  it.each([
    ['images of another size', { height: 9 }],
    ['images of other channels', { channels: 2 }],
    ['more classes than the network has', { classes: 4 }],
  ])('refuses %s', async (_, changes) => {
    const state = freshState(device);
    const evaluation = await compileEvaluation(state, { batch: 8 });
    await expect(evaluation.run(stripes(8, changes), normalisation)).rejects.toThrow(ShapeError);
    evaluation.dispose();
    state.dispose();
  });

  it.each([
    { top: 0 },
    { top: 1.5 },
    { top: Number.NaN },
    { batch: 0 },
    { batch: 2.5 },
  ])('refuses %o and leaves no buffers behind', async (changes) => {
    const state = freshState(device);
    const before = bufferUsage(device);
    await expect(compileEvaluation(state, { batch: 8, ...changes })).rejects.toThrow(ShapeError);
    expect(bufferUsage(device)).toEqual(before);
    state.dispose();
  });

  it('is ended by the loss of its device', async () => {
    const opened = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
    const evaluation = await compileEvaluation(freshState(opened.device), { batch: 1 });
    const onProgress = (images: number): unknown => images === 3 && opened.device.destroy();
    await expect(evaluation.run(stripes(12), normalisation, { onProgress })).rejects.toThrow(DeviceLostError);
    opened.close();
  });
});
