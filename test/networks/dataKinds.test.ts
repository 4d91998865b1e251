import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { adjustDistributions } from '../../src/graph/adjustDistribution.js';
import { compileInference, type InferenceNetwork } from '../../src/graph/inference.js';
import { compileInspection, type Inspection } from '../../src/graph/inspection.js';
import { type NetworkState, readState, writeState } from '../../src/graph/state.js';
import { createBatcher, fillSequential } from '../../src/io/batches.js';
import { openBytes } from '../../src/io/byteSource.js';
import { readCifar } from '../../src/io/cifar.js';
import { channelStatistics, fromIdx, type ImageDataset, subset } from '../../src/io/dataset.js';
import { decodePicture } from '../../src/io/decodePicture.js';
import { readIdx } from '../../src/io/idx.js';
import { imageNetNormalisation, imageNetTransform, pictureInput, transformPicture } from '../../src/io/picture.js';
import { float32Tensor, readSafetensors, toFloat32, writeSafetensors } from '../../src/io/safetensors.js';
import { decodeOnnx } from '../../src/onnx/decode.js';
import { encodeOnnx } from '../../src/onnx/encode.js';
import { decodeCheckpoint, encodeNetwork } from '../../src/train/checkpoint.js';
import { compileEvaluation, type Evaluation } from '../../src/train/evaluation.js';
import { createTrainer } from '../../src/train/trainer.js';
import { loadWeights } from '../../src/weights/load.js';
import { openWeights } from '../../src/weights/weightsFile.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { freshState, smallNetwork, smallOptions, stripes } from '../train/smallTraining.js';

let device: GPUDevice;
let state: NetworkState;
let values: Map<string, Float32Array>;
let inference: InferenceNetwork;
let inspection: Inspection;
let evaluation: Evaluation;
beforeAll(async () => {
  ({ device } = await testDevice());
  state = freshState(device);
  values = await readState(state);
  inference = await compileInference(state, { batch: 1 });
  inspection = await compileInspection(state, { batch: 1 });
  evaluation = await compileEvaluation(state, { batch: 4 });
});
afterAll(async () => {
  for (const made of [inference, inspection, evaluation, state]) made.dispose();
  await closeTestDevice();
});

// biome-ignore lint/suspicious/noExplicitAny: what programs without types hand over
type Anything = any;
type Call = (data: Anything) => unknown;

const { normalisation } = smallOptions();
const weight = 'conv1.weight';
const changed = (data: Anything) => new Map([...values, [weight, data]]);
const batcher = () => createBatcher(stripes(4), { batch: 4, seed: 1, shuffle: false, ...normalisation });
const crop = { height: 2, width: 2 };

/** Calls that read float32 numbers, and how many. */
const floats: Readonly<Record<string, readonly [number, Call]>> = {
  run: [64, (data) => inference.run(data)],
  'inspection.run': [64, (data) => inspection.run(data)],
  writeState: [72, (data) => writeState(state, changed(data))],
  encodeNetwork: [72, (data) => encodeNetwork(smallNetwork, changed(data))],
  encodeOnnx: [72, (data) => encodeOnnx(smallNetwork, changed(data))],
  adjustDistributions: [8, (data) => adjustDistributions(smallNetwork, new Map([...values, ['conv1.adjust', data]]))],
  runBatches: [64, (images) => evaluation.runBatches([{ images, labels: [0] }])],
  float32Tensor: [6, (data) => float32Tensor([2, 3], data)],
  'batcher.fill': [4 * 64, (data) => batcher().fill(0, data, new Uint32Array(4))],
  fillSequential: [64, (data) => fillSequential(stripes(4), 0, 1, normalisation, data, new Uint32Array(1))],
  pictureInput: [
    12,
    (target) =>
      pictureInput(
        { width: 2, height: 2, data: new Uint8Array(12) },
        { resize: 2, crop },
        imageNetNormalisation,
        target ?? [],
      ),
  ],
};

const withImages = (images: Anything): ImageDataset => ({ ...stripes(4), images });

/** Calls that read bytes, and how many. */
const bytes: Readonly<Record<string, readonly [number, Call]>> = {
  transformPicture: [12, (data) => transformPicture({ width: 2, height: 2, data }, { resize: 2, crop })],
  createBatcher: [
    4 * 64,
    (data) => createBatcher(withImages(data), { batch: 4, seed: 1, shuffle: false, ...normalisation }),
  ],
  subset: [4 * 64, (data) => subset(withImages(data), 0, 1)],
  channelStatistics: [4 * 64, (data) => channelStatistics(withImages(data))],
  createTrainer: [4 * 64, (data) => createTrainer(state, smallOptions({ dataset: withImages(data), normalisation }))],
  'evaluation.run': [4 * 64, (data) => evaluation.run(withImages(data), normalisation)],
  fromIdx: [4, (data) => fromIdx('x', { shape: [1, 2, 2], data }, { shape: [1], data: new Uint8Array(1) })],
  readIdx: [8, (data) => readIdx(data, 'x')],
  readCifar: [3073, (data) => readCifar([{ name: 'x', bytes: data }], 'cifar10')],
  readSafetensors: [16, readSafetensors],
  decodeCheckpoint: [16, decodeCheckpoint],
  decodeOnnx: [16, decodeOnnx],
  decodePicture: [16, decodePicture],
  openBytes: [16, openBytes],
  openWeights: [16, openWeights],
  loadWeights: [16, (data) => loadWeights(state, data)],
  toFloat32: [8, (data) => toFloat32({ dtype: 'F32', shape: [2], bytes: data })],
  writeSafetensors: [8, (data) => writeSafetensors([['x', { dtype: 'F32', shape: [2], bytes: data }]])],
};

const otherKinds: Readonly<Record<string, (count: number) => Anything>> = {
  'a Float64Array': (count) => new Float64Array(count),
  'an Int16Array': (count) => new Int16Array(count),
  'a plain array': (count) => new Array(count).fill(0),
  'an ArrayBuffer': (count) => new ArrayBuffer(count),
  nothing: () => undefined,
  null: () => null,
  'a number': (count) => count,
};

async function expectRefused(call: () => unknown, what: string): Promise<void> {
  const refused = await Promise.resolve()
    .then(call)
    .then(
      () => 'a result',
      (error: unknown) => error,
    );
  expect(refused, what).toBeInstanceOf(ShapeError);
}

describe('data of another kind is refused', () => {
  it.each(Object.entries(floats))('by %s', async (name, [count, call]) => {
    const kinds = { ...otherKinds, 'a Uint8Array': (length: number) => new Uint8Array(length) };
    for (const [kind, make] of Object.entries(kinds)) await expectRefused(() => call(make(count)), `${name}: ${kind}`);
  });

  it.each(Object.entries(bytes))('by %s', async (name, [count, call]) => {
    const kinds = { ...otherKinds, 'a Float32Array': (length: number) => new Float32Array(length) };
    for (const [kind, make] of Object.entries(kinds)) await expectRefused(() => call(make(count)), `${name}: ${kind}`);
  });

  it('with what it is and what is wanted', async () => {
    await expect(inference.run(new Uint8Array(64) as Anything)).rejects.toThrow(
      'run: images: expected a Float32Array, got a value of Uint8Array',
    );
    expect(() => writeState(state, changed([1, 2]))).toThrow(`no Float32Array: ${weight} (Array)`);
  });

  it('where a collection is wanted', async () => {
    await expectRefused(() => writeState(state, Object.fromEntries(values) as Anything), 'writeState');
    await expectRefused(() => encodeOnnx(smallNetwork, Object.fromEntries(values) as Anything), 'encodeOnnx');
    await expectRefused(() => evaluation.runBatches({} as Anything), 'runBatches');
    await expectRefused(() => channelStatistics([] as Anything), 'channelStatistics');
    await expectRefused(() => loadWeights(state, 'weights.safetensors' as Anything), 'loadWeights');
  });

  it('but not that of another window', async () => {
    const foreign = runInNewContext('new Float32Array(64)') as Float32Array;
    expect(foreign instanceof Float32Array).toBe(false);
    expect(await inference.run(foreign)).toEqual(await inference.run(new Float32Array(64)));
  });
});

describe('a data set that is not what it says is refused', () => {
  const broken: Readonly<Record<string, Partial<Record<keyof ImageDataset, unknown>>>> = {
    'too few images': { images: stripes(3).images },
    'too few labels': { labels: stripes(3).labels },
    'a count too high': { count: 5 },
    'half an image': { count: 3.5 },
    'labels in a plain array': { labels: [0, 1, 2, 0] },
    'no labels': { labels: undefined },
    'no channels': { channels: undefined },
  };
  const calls: Readonly<Record<string, (dataset: ImageDataset) => unknown>> = {
    createTrainer: (dataset) => createTrainer(state, smallOptions({ dataset, normalisation })),
    'evaluation.run': (dataset) => evaluation.run(dataset, normalisation),
    createBatcher: (dataset) => createBatcher(dataset, { batch: 2, seed: 1, shuffle: false, ...normalisation }),
    fillSequential: (dataset) => fillSequential(dataset, 0, 1, normalisation, new Float32Array(64), new Uint32Array(1)),
    subset: (dataset) => subset(dataset, 0, 1),
    channelStatistics,
  };

  it.each(Object.entries(calls))('by %s', async (name, call) => {
    for (const [fault, changes] of Object.entries(broken)) {
      await expectRefused(() => call({ ...stripes(4), ...changes } as ImageDataset), `${name}: ${fault}`);
    }
    // Its own tests compile trainers that are sound.
    if (name !== 'createTrainer') await call(stripes(8));
  });

  it('by what learns and tests, for labels that are no classes', async () => {
    const dataset = { ...stripes(4), labels: Uint8Array.of(0, 1, 3, 0) };
    for (const name of ['createTrainer', 'evaluation.run']) {
      await expect(calls[name]!(dataset), name).rejects.toThrow('labels: expected labels below 3, got 3 for image 2');
    }
  });
});

it('images of the wrong size are refused by a picture’s transform', () => {
  const data = new Uint8Array(11);
  expect(() => transformPicture({ width: 2, height: 2, data }, imageNetTransform)).toThrow(ShapeError);
});
