import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Layer, Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { createState, writeState } from '../../src/graph/state.js';
import { float32Tensor, readSafetensors, toFloat32, writeSafetensors } from '../../src/io/safetensors.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { encodeCheckpoint } from '../../src/train/checkpoint.js';
import { convolution } from '../models/layers.js';
import { inferOnDevice, trainOnDevice } from '../networks/deviceRun.js';
import { formulaWeights } from '../onnx/cases.js';
import { networkForward, networkGradients } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { nchwToNhwc, nhwcToNchw } from '../support/layout.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { findPython, runScript } from './python.js';

const python = findPython('torch');

/** The largest error as a share of the largest value. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return distance(actual, expected) / distance(expected, new Float64Array(expected.length));
}

const unitWindow = { stride: [1, 1], padding: [0, 0] } as const;
const batch = 4;
const dense = { kind: 'dense', bias: true, adjust: 'output' } as const;
const small = { depth: 8, ic: true, width: 4, input: { height: 12, width: 14, channels: 2 } } as const;

describe('the module in PyTorch', { timeout: 400_000 }, () => {
  let device: GPUDevice;
  let folder: string;
  beforeAll(async () => {
    ({ device } = await testDevice());
    folder = await mkdtemp(join(tmpdir(), 'icnet-pytorch-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await closeTestDevice();
  });

  it('computes the golden convolutions and their gradients', async () => {
    const errors = Object.entries(JSON.parse(await runScript(python, 'convolutions.py')) as Record<string, number>);
    expect(errors.length).toBeGreaterThan(19 * 4);
    // What is stored is rounded to float32.
    for (const [tensor, error] of errors) expect(error, tensor).toBeLessThan(2e-7);
  });

  it('computes the golden logits of whole networks', async () => {
    const errors = Object.entries(JSON.parse(await runScript(python, 'golden_logits.py')) as Record<string, number>);
    expect(errors).toHaveLength(4);
    for (const [network, error] of errors) expect(error, network).toBeLessThan(1e-5);
  });

  /** Images and labels, and what float64 makes of them in a network that a checkpoint of ours was loaded into. */
  async function handOver(network: Network, expression: string) {
    const { height, width, channels } = network.input;
    const images = uniform(batch * height * width * channels, 3);
    const start = formulaWeights(network);
    const state = createState(device, network);
    writeState(state, start);
    const [checkpoint, input, output] = ['checkpoint', 'images', 'results'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(checkpoint, await encodeCheckpoint(state));
    const nchw = nhwcToNchw(images, [batch, height, width, channels]);
    await writeFile(input, writeSafetensors([['images', float32Tensor([batch, channels, height, width], nchw)]]));
    state.dispose();
    await runScript(python, 'network.py', expression, checkpoint, input, output);
    const { tensors } = readSafetensors(await readFile(output));
    return { images, start, theirs: new Map(Array.from(tensors, ([name, tensor]) => [name, toFloat32(tensor)])) };
  }

  /** Logits, losses and every gradient. */
  async function expectSameStep(network: Network, expression: string, classes: number): Promise<void> {
    const { images, start, theirs } = await handOver(network, expression);
    const labels = Uint32Array.from({ length: batch }, (_, i) => (7 * i) % classes);
    const sgd = { learningRate: 0, momentum: 0, weightDecay: 0, nesterov: false };
    const { values } = await trainOnDevice(device, { network, start, images, labels, sgd, steps: 1 });
    const compared = [...values.keys()].filter((name) => /^(train\.logits|losses|grad\..*)$/.test(name));
    const trainable = networkParameters(network).filter((spec) => spec.trainable);
    expect(compared).toHaveLength(trainable.length + 2);
    for (const name of compared) expect(relativeError(values.get(name)!, theirs.get(name)!), name).toBeLessThan(1e-4);
  }

  it('loads a checkpoint and gives the same training step', async () => {
    const network = cifarResNet({ ...small, classes: 5 });
    await expectSameStep(network, 'to_ic(cifar_resnet(8, 5, 4, channels=2))', 5);
  });

  it('gives the same training step of units with offsets, and fully connected ones', async () => {
    const network: Network = {
      name: 'units',
      input: small.input,
      layers: [
        convolution({ name: 'conv', outChannels: 6, bias: true, adjust: 'output', offset: true }),
        { kind: 'batchNorm', name: 'norm', inputs: ['conv'], epsilon: 1e-5, momentum: 0.1 },
        convolution({ name: 'groups', inputs: ['norm'], outChannels: 4, groups: 2, adjust: 'input', offset: true }),
        { ...dense, name: 'hidden', inputs: ['groups'], outFeatures: 8, offset: true },
        { kind: 'relu', name: 'relu', inputs: ['hidden'] },
        { ...dense, name: 'fc', inputs: ['relu'], outFeatures: 5 },
      ],
    };
    const modules = [
      'conv=ICConv2d(2, 6, 3, padding=1, offset=True)',
      'norm=nn.BatchNorm2d(6)',
      'groups=ICConv2d(6, 4, 3, padding=1, groups=2, bias=False, adjust="input", offset=True)',
      'flatten=nn.Flatten()',
      'hidden=ICLinear(4 * 12 * 14, 8)',
      'relu=nn.ReLU()',
      'fc=ICLinear(8, 5, offset=False)',
    ];
    await expectSameStep(network, `nn.Sequential(OrderedDict(${modules.join(', ')}))`, 5);
  });

  it('gives the same training step of a network with offsets by name', async () => {
    const network = cifarResNet({ ...small, classes: 5, offset: true });
    await expectSameStep(network, 'to_ic(cifar_resnet(8, 5, 4, channels=2), offset=True)', 5);
  });

  it('loads a checkpoint of the input form and gives the same logits', async () => {
    const network = cifarResNet({ ...small, adjust: 'input', stemStride: 2 });
    const expression = 'to_ic(cifar_resnet(8, width=4, stem_stride=2, channels=2), "input")';
    const { images, start, theirs } = await handOver(network, expression);
    const logits = await inferOnDevice(device, network, start, images);
    expect(relativeError(logits, theirs.get('eval.logits')!)).toBeLessThan(1e-5);
  });
});

describe('layers that are loaded', () => {
  const [batch, height, width, channels] = [2, 5, 4, 6];
  const mean: Layer = { kind: 'meanPool', name: 'mean', inputs: ['input'], kernel: 'global', ...unitWindow };
  const layers: Readonly<Record<string, object>> = {
    nearest: { kind: 'upsample', factor: [2, 3], mode: 'nearest' },
    areas: { kind: 'upsample', factor: [2, 3], mode: 'bilinear' },
    'areas by four': { kind: 'upsample', factor: [4, 1], mode: 'bilinear' },
    points: { kind: 'upsample', factor: [3, 2], mode: 'bilinear', alignCorners: true },
    response: { kind: 'localResponseNorm', size: 3, alpha: 0.5, beta: 0.75, k: 2 },
    'even response': { kind: 'localResponseNorm', size: 4, alpha: 2, beta: 0.5, k: 1 },
    'wide response': { kind: 'localResponseNorm', size: 13, alpha: 1e-4, beta: 0.75, k: 1 },
    shuffle: { kind: 'shuffle', groups: 3 },
    slice: { kind: 'slice', start: 1, channels: 4 },
    gate: { kind: 'multiply', inputs: ['input', 'mean'] },
  };

  it('are those of PyTorch, on the device, and their gradients in float64', async () => {
    const theirs = JSON.parse(await runScript(python, 'layers.py')) as Record<string, { y: number[]; dx: number[] }>;
    expect(Object.keys(theirs).sort()).toEqual(Object.keys(layers).sort());
    const { device } = await testDevice();
    const nchw = uniform(batch * height * width * channels, 1);
    const images = Float32Array.from(nchwToNhwc(nchw, [batch, channels, height, width]));
    for (const [name, { y, dx }] of Object.entries(theirs)) {
      const layer = { name: 'layer', inputs: ['input'], ...layers[name] } as unknown as Layer;
      const network = { name, input: { height, width, channels }, layers: name === 'gate' ? [mean, layer] : [layer] };
      const outputs = await inferOnDevice(device, network, new Map(), images);
      expect(relativeError(outputs, y), name).toBeLessThan(2e-6);
      const pass = networkForward(network, new Map(), images, { training: true });
      expect(relativeError(pass.logits, y), name).toBeLessThan(1e-12);
      const { dInput } = networkGradients(pass, uniform(y.length, 2));
      expect(relativeError(dInput, dx), name).toBeLessThan(1e-12);
    }
    await closeTestDevice();
  });
});
