import { fromBinary } from '@bufbuild/protobuf';
import { type GraphProto, ModelProtoSchema } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { cifarResNet, imageNetResNet } from '../../src/models/resnet.js';
import { encodeOnnx } from '../../src/onnx.js';
import { goldenBatch, loadGolden } from '../golden/load.js';
import { randomState } from '../graph/networks.js';
import { inferOnDevice } from '../networks/deviceRun.js';
import { tensorNetworks } from '../networks/tensorNetworks.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { exportedNetworks, formulaWeights } from './cases.js';
import { runOnnx } from './runtime.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

/** The largest error as a share of the largest value. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return distance(actual, expected) / distance(expected, new Float64Array(expected.length));
}

function graphOf(file: Uint8Array): GraphProto {
  return fromBinary(ModelProtoSchema, file).graph!;
}

describe.each(exportedNetworks.map((network, index) => ({ name: network.name, network, seed: index + 1 })))('$name', ({
  network,
  seed,
}) => {
  const values = randomState(network, seed);
  const file = encodeOnnx(network, values);
  const { height, width, channels } = network.input;

  it.each([1, 3])('runs in ONNX Runtime as in float64, %i at once', async (batch) => {
    const images = uniform(batch * height * width * channels, seed);
    const exact = networkForward(network, values, images, { training: false }).logits;
    const { values: got, dims } = await runOnnx(file, network.input, images);
    expect(dims[0]).toBe(batch);
    expect(relativeError(got, exact)).toBeLessThan(1e-5);
  });
});

it('writes response norms of an even number of channels out', async () => {
  const network = tensorNetworks.find(({ layers }) => layers.some((layer) => 'size' in layer && layer.size === 4))!;
  const values = randomState(network, 9);
  const { height, width, channels } = network.input;
  const images = uniform(2 * height * width * channels, 9);
  const exact = networkForward(network, values, images, { training: false }).logits;
  const { values: got } = await runOnnx(encodeOnnx(network, values), network.input, images);
  expect(relativeError(got, exact)).toBeLessThan(1e-5);
});

const imageNet = (ic: boolean): Network =>
  imageNetResNet({ depth: 18, ic, input: { height: 64, width: 64, channels: 3 } });

describe.each([
  { network: imageNet(true), form: 'output', golden: 'ic_resnet18' },
  { network: imageNet(false), form: 'none', golden: undefined },
  { network: cifarResNet({ depth: 8, ic: true, adjust: 'input' }), form: 'input', golden: undefined },
])('$network.name, adjust $form', ({ network, golden }) => {
  it('gives the logits of this package and the golden ones in ONNX Runtime', async () => {
    const weights = formulaWeights(network);
    const { height, width, channels } = network.input;
    const known = golden === undefined ? undefined : loadGolden(golden);
    const images = known ? goldenBatch(known, 1000).x : uniform(2 * height * width * channels, 2000);
    const { values } = await runOnnx(encodeOnnx(network, weights), network.input, images);
    expect(relativeError(await inferOnDevice(device, network, weights, images), values)).toBeLessThan(1e-4);
    if (known) expect(relativeError(values, known.tensor('eval.logits').data)).toBeLessThan(1e-4);
  });
});

describe('the file', () => {
  const network = cifarResNet({ depth: 8, ic: true, width: 4, classes: 3 });
  const weights = formulaWeights(network);

  it("holds the weights under PyTorch's names, in its layouts, and nothing else of weight", () => {
    const graph = graphOf(encodeOnnx(network, weights));
    const held = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
    for (const { name, shape, role } of networkParameters(network)) {
      if (role === 'batchesTracked') continue;
      const { dims, rawData } = held.get(name)!;
      expect(dims.map(Number), name).toEqual(shape);
      expect(new Float32Array(rawData.slice().buffer), name).toEqual(weights.get(name));
      held.delete(name);
    }
    for (const [name, { dims }] of held)
      expect(
        dims.map(Number).reduce((a, b) => a * b),
        name,
      ).toBeLessThanOrEqual(9);
  });

  it('has a batch of any size and the images as PyTorch has them', () => {
    const { input, output } = graphOf(encodeOnnx(network, weights));
    const sizes = [input[0]!, output[0]!].map(({ name, type }) => [
      name,
      (type!.value.value as { shape: { dim: { value: { value: unknown } }[] } }).shape.dim.map(
        ({ value }) => value.value,
      ),
    ]);
    expect(sizes).toEqual([
      ['input', ['batch', 3n, 32n, 32n]],
      ['logits', ['batch', 3n]],
    ]);
  });

  it('is of standard operators', () => {
    const file = fromBinary(ModelProtoSchema, encodeOnnx(network, weights));
    expect(file.opsetImport).toMatchObject([{ domain: '', version: 17n }]);
    const operators = new Set(file.graph!.node.map(({ opType, domain }) => `${domain}${opType}`));
    expect([...operators].sort()).toEqual(
      [
        'Add',
        'BatchNormalization',
        'Conv',
        'Flatten',
        'Gemm',
        'GlobalAveragePool',
        'Mul',
        'ReduceSum',
        'Relu',
        'Sub',
        'Unsqueeze',
      ].sort(),
    );
  });

  it('says what it takes and what the classes are', () => {
    const normalisation = { mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.2, 0.1] };
    const file = encodeOnnx(network, weights, { normalisation, classNames: ['cat', 'dog', 'newt'] });
    const { metadataProps } = fromBinary(ModelProtoSchema, file);
    expect(Object.fromEntries(metadataProps.map(({ key, value }) => [key, JSON.parse(value)]))).toEqual({
      'ic-networks.normalisation': normalisation,
      'ic-networks.class_names': ['cat', 'dog', 'newt'],
    });
  });

  it('is refused where weights, classes or channels do not fit', () => {
    const less = new Map(weights);
    less.delete('fc.bias');
    expect(() => encodeOnnx(network, less)).toThrow(/fc\.bias \(0 instead of 3 elements\)/);
    expect(() => encodeOnnx(network, less)).toThrow(ShapeError);
    expect(() => encodeOnnx(network, weights, { classNames: ['a', 'b', 'c', 'd'] })).toThrow(ShapeError);
    expect(() => encodeOnnx(network, weights, { normalisation: { mean: [0], deviation: [1] } })).toThrow(ShapeError);
  });
});
