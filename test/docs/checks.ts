import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { readBuffer } from '../../src/device/buffers.js';
import type { InferenceNetwork } from '../../src/graph/inference.js';
import type { InspectionResult } from '../../src/graph/inspection.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { type NetworkState, readState } from '../../src/graph/state.js';
import type { Picture } from '../../src/io/picture.js';
import { readSafetensors } from '../../src/io/safetensors.js';
import { kernels } from '../../src/kernels.js';
import type { Checkpoint } from '../../src/train/checkpoint.js';
import type { StepReport, Trainer } from '../../src/train/trainer.js';
import { tuningScope } from '../../src/tune/record.js';
import type { TuningStore } from '../../src/tune/store.js';
import { convolutionReference } from '../reference/convolution.js';
import { networkForward } from '../reference/network.js';
import { reluReference } from '../reference/pointwise.js';
import { expectClose } from '../support/tolerance.js';
import { values as held } from './given.js';

/** Says whether what a block computed is right, from what it declares and what it was given. */
export type Check = (values: never) => unknown;

/** Float32 errors of the small shapes here stay far below; a wrong formula does not. */
const tolerance = 1e-4;

const floats = async (device: GPUDevice, buffer: GPUBuffer, offset = 0, size?: number): Promise<Float32Array> =>
  new Float32Array(await readBuffer(device, buffer, offset, size));

interface Convolved {
  readonly device: GPUDevice;
  readonly output: GPUBuffer;
}

const convolved =
  (input: Float32Array) =>
  async ({ device, output }: Convolved): Promise<void> => {
    const { y } = convolutionReference({
      ...{ x: input, shape: [1, 8, 8, 4], filter: held.filter, filterShape: [3, 3, 4, 8], groups: 1 },
      ...{ adjust: held.adjust, mode: 'output', stride: [1, 1], padding: [1, 1], dilation: [1, 1] },
    });
    expectClose(await floats(device, output), reluReference(y), tolerance, 'convolution');
  };

/** The logits of the given state for the given image. */
function expectLogits({ network }: NetworkState, logits: Float32Array): void {
  const exact = networkForward(network, held.small, held.image, { training: false });
  expectClose(logits, exact.logits, tolerance, 'logits');
}

function expectLarge(read: ReadonlyMap<string, Float32Array>, except: (name: string) => boolean = () => false): void {
  // Eleven million numbers: one by one they would take minutes.
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
  for (const [name, data] of held.large) {
    if (!except(name)) expect(bytes(read.get(name)!).equals(bytes(data)), name).toBe(true);
  }
}

const isHead = (name: string): boolean => name.startsWith('fc.');

const adjustOf = (read: ReadonlyMap<string, Float32Array>): number[] => [
  ...read.get('layer1.0.conv2.adjust')!.slice(0, 2),
];

/** By file, and place among the blocks of that file, from 1. */
export const checks: Readonly<Record<string, Check>> = {
  'README.md 1': ({ accuracy }: { accuracy: number }) => expect(accuracy).toBeGreaterThan(0.5),

  'README.md 2': async ({ device, state, network }: { device: GPUDevice } & NetworkRun) => {
    const read = await readState(state);
    expectLarge(read);
    expect(adjustOf(read)).toEqual([Math.fround(1 / 576), Math.fround(1 / 576)]);
    // An image of zeros is zero behind every layer but the last.
    const { buffer, offset, size } = network.output;
    expect(await floats(device, buffer, offset, size)).toEqual(held.large.get('fc.bias'));
    network.dispose();
  },

  'README.md 3': convolved(held.input),

  'README.md 4': async ({ state, network, tuning }: TunedRun) => {
    expect((await tuning.load(tuningScope(state.device))).size).toBeGreaterThan(3);
    expectLogits(state, await network.run(held.image));
  },

  'docs/distillation.md 1': async ({ trainer }: { trainer: Trainer }) => {
    const reports: StepReport[] = [];
    await trainer.run({ onStep: (report) => reports.push(report) });
    const [{ loss, distillation }] = reports as [StepReport];
    expect(distillation!.weight).toBe(1);
    // The teacher takes its running statistics, the student those of the batch.
    expect(distillation!.distance).toBeGreaterThan(0);
    expect(loss).toBeCloseTo(distillation!.crossEntropy + distillation!.distance, 5);
  },

  'docs/embedding.md 1': convolved(held.activations.slice(256, 512)),

  'docs/embedding.md 2': async ({ device, tensor }: { device: GPUDevice; tensor: GPUBuffer }) => {
    const [mean, deviation] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ];
    const pixel = [0, 1, 2].map((channel) => (held.colour[channel]! / 255 - mean[channel]!) / deviation[channel]!);
    const expected = Float64Array.from({ length: 224 * 224 * 3 }, (_, i) => pixel[i % 3]!);
    expectClose(await floats(device, tensor), expected, tolerance, 'picture');
  },

  'docs/embedding.md 3': async ({ device, state, weights, output }: Behind) => {
    const zeros = new Float32Array(32 * 32 * 3);
    const { logits } = networkForward(state.network, weights, zeros, { training: false });
    expect(logits.some((value) => value < 0) && logits.some((value) => value > 0)).toBe(true);
    expectClose(await floats(device, output, 0, 40), reluReference(logits), tolerance, 'network and ReLU');
  },

  'docs/precision.md 1': ({ device, state, weights, network, logits }: Precise) => {
    expect(network.precision).toBe(device.features.has('shader-f16') ? 'float16' : 'float32');
    const exact = networkForward(state.network, weights, new Float32Array(32 * 32 * 3), { training: false }).logits;
    const largest = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expectClose(logits, exact, network.precision === 'float16' ? 0.02 * largest : tolerance, 'logits');
  },

  'docs/embedding.md 4': ({ source, bindings, texts }: KernelParts) => {
    expect(bindings.map(({ name }) => name)).toEqual(['input', 'output']);
    expect(source).toContain('@compute @workgroup_size(64)');
    expect(texts.join()).toContain('fn workgroup_index');
    expect(texts).toHaveLength(kernels.relu!.shared.length);
  },

  'docs/ic-unit.md 1': ({ state, logits, layers, spread }: Inspected) => {
    expectLogits(state, logits);
    expect(layers.map(({ layer }) => layer)).toEqual(spread.map(({ layer }) => layer));
    for (const { share, filterShares, maps } of layers) {
      const mean = (shares: Float32Array): number => shares.reduce((sum, value) => sum + value, 0) / shares.length;
      expect(share).toBeGreaterThan(0);
      expect(mean(filterShares)).toBeCloseTo(share, 5);
      expect(mean(maps)).toBeCloseTo(share, 5);
    }
  },

  // torchvision's mobilenet_v2 of 10 classes, and the weights of the second term.
  'docs/networks.md 1': ({ network, parameters }: { network: NetworkState['network']; parameters: number }) => {
    const adjust = networkParameters(network).filter(({ role }) => role === 'adjust');
    expect(adjust.length).toBeGreaterThan(10);
    expect(parameters).toBe(2_236_682 + adjust.reduce((sum, { shape }) => sum + shape[0]!, 0));
  },

  'docs/onnx.md 1': async ({ imported }: { imported: NetworkState }) => {
    const read = await readState(imported);
    for (const { name, trainable } of networkParameters(imported.network)) {
      if (trainable) expect(read.get(name), name).toEqual(held.small.get(name));
    }
  },

  'docs/pictures.md 2': ({ bytes }: { bytes: Uint8Array }) =>
    expect(bytes).toEqual(new Uint8Array(224 * 224 * 3).fill(200)),

  'docs/pictures.md 3': async ({ picture }: { picture: Picture }) => {
    const golden = readSafetensors(await readFile(new URL('../golden/pictures.safetensors', import.meta.url)));
    const { shape, bytes } = golden.tensors.get('pixels.444.jpg')!;
    expect([picture.height, picture.width]).toEqual(shape.slice(0, 2));
    expectClose(picture.data, bytes, 1, 'pixels');
  },

  'docs/pictures.md 4': (goldenRetriever: { id: string; name: string }) =>
    expect(goldenRetriever).toEqual({ id: 'n02099601', name: 'golden retriever' }),

  'docs/training.md 1': ({ accuracy, dataset }: { accuracy: number; dataset: { count: number } }) => {
    expect(accuracy * dataset.count).toBeCloseTo(Math.round(accuracy * dataset.count), 6);
    expect(accuracy).toBeLessThanOrEqual(1);
  },

  'docs/training.md 2': ({ checkpoint }: { checkpoint: Checkpoint }) => expect(checkpoint.values).toEqual(held.small),

  'docs/weights.md 1': async ({ state }: { state: NetworkState }) => expectLarge(await readState(state)),

  'docs/weights.md 3': async ({ state }: { state: NetworkState }) => {
    const read = await readState(state);
    expectLarge(read, isHead);
    expect(read.get('fc.weight')).toHaveLength(10 * 512);
    expect(adjustOf(read)).toEqual([Math.fround(1 / 576), Math.fround(1 / 576)]);
  },

  'docs/weights.md 4': async () => {
    const { tensors } = readSafetensors(await readFile('resnet18.safetensors'));
    expect(tensors.get('fc.weight')).toMatchObject({ dtype: 'F16', shape: [10, 64] });
  },
};

interface NetworkRun {
  readonly state: NetworkState;
  readonly network: InferenceNetwork;
}

interface TunedRun extends NetworkRun {
  readonly tuning: TuningStore;
}

interface Behind {
  readonly device: GPUDevice;
  readonly state: NetworkState;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly output: GPUBuffer;
}

interface KernelParts {
  readonly source: string;
  readonly bindings: readonly { readonly name: string }[];
  readonly texts: readonly string[];
}

interface Precise {
  readonly device: GPUDevice;
  readonly state: NetworkState;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly network: InferenceNetwork;
  readonly logits: Float32Array;
}

interface Inspected extends Pick<InspectionResult, 'logits' | 'layers'> {
  readonly state: NetworkState;
  readonly spread: readonly { readonly layer: string }[];
}
