import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/errors.js';
import { decodeOnnx } from '../../src/onnx.js';
import { expectError } from '../models/errors.js';
import { networkForward } from '../reference/network.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { floats, integers, type ModelParts, modelOf, node, tensor } from './models.js';
import { runOnnx } from './runtime.js';

/** Ways in which operators say what a layer does, other than those that `encodeOnnx` chooses. */
const models: Readonly<Record<string, ModelParts>> = {
  'names, automatic padding, one bound, a matrix turned round with one bias': {
    nodes: [
      node('Identity', ['x'], 'same'),
      node('Conv', ['same', 'w'], 'conv', { auto_pad: 'SAME_UPPER' }),
      node('Clip', ['conv', 'zero'], 'relu'),
      node('Dropout', ['relu', 'ratio'], 'dropped'),
      node('MaxPool', ['dropped'], 'pool', { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 }),
      node('ReduceMean', ['pool'], 'mean', { axes: [-1, 2] }),
      node('Squeeze', ['mean', 'axes'], 'row'),
      node('Gemm', ['row', 'matrix', 'one'], 'y'),
    ],
    constants: [
      floats('w', [3, 2, 3, 3]),
      floats('zero', [], { values: [0] }),
      floats('ratio', [], { values: [0.5] }),
      integers('axes', [2, -1]),
      floats('matrix', [3, 4]),
      floats('one', []),
    ],
  },
  'means by an input, no bias, probabilities of the last axis': {
    nodes: [
      node('Conv', ['x', 'w', 'b'], 'conv', { auto_pad: 'VALID', group: 2, strides: [1, 2] }),
      node('Clip', ['conv', 'low', 'high'], 'relu'),
      node('ReduceMean', ['relu', 'axes'], 'mean', { keepdims: 0 }),
      node('Gemm', ['mean', 'matrix'], 'logits', { transB: 1 }),
      node('Softmax', ['logits'], 'y'),
    ],
    constants: [
      floats('w', [4, 1, 2, 1]),
      floats('b', [4]),
      floats('low', [], { values: [0] }),
      floats('high', [], { values: [0.7] }),
      integers('axes', [2, 3]),
      floats('matrix', [3, 4]),
    ],
    opset: 18,
  },
  'padding of its own nodes': {
    nodes: [
      node('Pad', ['x', 'none'], 'same'),
      node('Pad', ['same', 'around'], 'padded'),
      node('Conv', ['padded', 'w'], 'conv', { pads: [0, 1, 0, 1] }),
      node('Relu', ['conv'], 'relu'),
      node('Pad', ['relu', 'around', 'zero'], 'again'),
      node('AveragePool', ['again'], 'mean', { kernel_shape: [3, 4], strides: [2, 2] }),
      node('GlobalAveragePool', ['mean'], 'pixel'),
      node('Flatten', ['pixel'], 'y'),
    ],
    constants: [
      integers('none', Array(8).fill(0)),
      integers('around', [0, 0, 1, 2, 0, 0, 1, 2]),
      floats('zero', [], { values: [0] }),
      floats('w', [3, 2, 3, 3]),
    ],
  },
  'version 7: bounds as attributes, a bias as a row, rows back into images': {
    nodes: [
      node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], 'norm', { epsilon: 0.01, momentum: 0.8 }),
      node('Clip', ['norm'], 'relu', { min: { float: 0 }, max: 1.5 }),
      node('AveragePool', ['relu'], 'mean', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] }),
      node('Concat', ['mean', 'mean', 'mean'], 'three', { axis: 1 }),
      node('Flatten', ['three'], 'row'),
      node('Relu', ['row'], 'row2'),
      node('Reshape', ['row2', 'image'], 'again'),
      node('GlobalMaxPool', ['again'], 'largest'),
      node('Reshape', ['largest', 'rows'], 'flat'),
      node('Gemm', ['flat', 'matrix', 'bias'], 'logits', { transB: 1 }),
      node('Softmax', ['logits'], 'y'),
    ],
    constants: [
      floats('s', [2]),
      floats('b', [2]),
      floats('m', [2]),
      floats('v', [2]),
      integers('image', [-1, 6, 2, 3]),
      integers('rows', [-1, 6]),
      floats('matrix', [5, 6]),
      floats('bias', [1, 5]),
    ],
    opset: 7,
  },
};

describe.each(Object.entries(models))('%s', (_, parts) => {
  it('is what ONNX Runtime makes of it', async () => {
    const file = modelOf({ ...parts, outputs: [tensor('y', ['N', 'K'])] });
    const { network, values } = decodeOnnx(file);
    const images = uniform(3 * 2 * 4 * 5, 1);
    const { values: expected } = await runOnnx(file, network.input, images);
    const { logits } = networkForward(network, values, images, { training: false });
    expect(logits).toHaveLength(expected.length);
    expect(distance(logits, expected)).toBeLessThan(1e-5);
  });
});

describe('A file', () => {
  const read = (name: string) => readFileSync(new URL(`../golden/onnx/${name}.onnx`, import.meta.url));

  it.each([
    ['whose images are flattened at the end', 'conv_out_flatten'],
    ['that unsqueezes filters behind their last axis', 'unsq_neg'],
  ])('%s is what ONNX Runtime makes of it', async (_, name) => {
    const { network, values } = decodeOnnx(read(name));
    const { height, width, channels } = network.input;
    const images = uniform(2 * height * width * channels, 3);
    const { values: expected } = await runOnnx(read(name), network.input, images);
    const { logits } = networkForward(network, values, images, { training: false });
    expect(logits).toHaveLength(expected.length);
    expect(distance(logits, expected)).toBeLessThan(1e-5);
  });

  it('whose norm is by the batch, before version 14, is refused', () =>
    expectError(() => decodeOnnx(read('bn_train_9')), UnsupportedError, {
      parameter: 'file.onnx, node "/1/BatchNormalization" (BatchNormalization), outputs',
      got: '5, as in training',
    }));

  it('that adds a number a channel to images is refused, not called broken', () =>
    expectError(() => decodeOnnx(read('add_broadcast_pool')), UnsupportedError, {
      parameter: 'file.onnx, node 2 (Add), inputs',
      got: '[batch, 4, 1, 1]',
    }));

  it('whose sums of groups are over images on their side has no IC convolutions', () => {
    const split = (height: number, width: number) =>
      modelOf({
        nodes: [
          node('Conv', ['x', 'w'], 'z', { group: 2 }),
          node('Reshape', ['x', 'split'], 'parts'),
          node('ReduceSum', ['parts', 'axis'], 'sums', { keepdims: 0 }),
          node('Conv', ['sums', 'ones'], 'windows', { group: 2 }),
          node('Mul', ['windows', 'adjust'], 'threshold'),
          node('Sub', ['z', 'threshold'], 'excess'),
          node('Relu', ['excess'], 'rectified'),
          node('Add', ['z', 'rectified'], 'y'),
        ],
        constants: [
          floats('w', [4, 2, 1, 1]),
          floats('adjust', [4, 1, 1]),
          floats('ones', [4, 1, 1, 1], { values: [1, 1, 1, 1] }),
          integers('split', [0, 2, 2, height, width]),
          integers('axis', [2]),
        ],
        inputs: [tensor('x', ['N', 4, 2, 8])],
      });
    expect(decodeOnnx(split(2, 8)).network.layers).toMatchObject([{ kind: 'convolution', adjust: 'output' }]);
    expect(() => decodeOnnx(split(4, 4))).toThrow(UnsupportedError);
  });
});
