import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { networkParameters } from '../../src/graph/parameters.js';
import { imageNetClasses } from '../../src/io/imageNetClasses.js';
import { readSafetensors } from '../../src/io/safetensors.js';
import { kernels } from '../../src/kernels.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { decodeOnnx } from '../../src/onnx/decode.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { convolutionReference } from '../reference/convolution.js';
import { networkForward } from '../reference/network.js';
import { reluReference } from '../reference/pointwise.js';
import { expectClose } from '../support/tolerance.js';

/** Says whether what a program printed, and left in its folder, is right. */
export type Check = (printed: string, folder: string) => unknown;

/** Float32 errors of the small shapes here stay far below; a wrong formula does not. */
const tolerance = 1e-4;

export const tiny = cifarResNet({ depth: 8, ic: true, input: { height: 8, width: 8, channels: 1 } });
const waves = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i));

/** The numbers of the first list that was printed, of which Node prints a hundred. */
function list(printed: string): number[] {
  const [, text] = /\[([^\]]*?)(?:\.\.\. \d+ more items\s*)?\]/.exec(printed) ?? [];
  return text!
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
}

/** The number behind a word. */
const numberBehind = (printed: string, word: string): number => Number(printed.split(word)[1]!.trim().split(/\s/)[0]);

/** A convolution of waves, as README and docs/embedding.md have it. */
function convolved(printed: string): void {
  const { y } = convolutionReference({
    ...{ x: waves(256), shape: [1, 8, 8, 4], groups: 1, adjust: new Float32Array(8).fill(0.1), mode: 'output' },
    ...{ filter: Float32Array.from({ length: 288 }, (_, i) => Math.cos(i)), filterShape: [3, 3, 4, 8] },
    ...{ stride: [1, 1], padding: [1, 1], dilation: [1, 1] },
  });
  const expected = reluReference(y);
  const got = list(printed);
  expect(got.length).toBeGreaterThanOrEqual(100);
  expect(got.some((value) => value === 0) && got.some((value) => value > 1)).toBe(true);
  expectClose(Float32Array.from(got), expected.subarray(0, got.length), tolerance, 'convolution');
}

/** Logits of a network with the first initial values. */
export function expectLogits(
  got: ArrayLike<number>,
  network: Parameters<typeof networkForward>[0],
  image: Float32Array,
) {
  const exact = networkForward(network, initialParameters(network, 1), image, { training: false });
  expectClose(Float32Array.from(got), exact.logits, tolerance, 'logits');
}

/** By file, and place among the programs of that file, from 1. */
export const checks: Readonly<Record<string, Check>> = {
  'README.md 1': (printed) => {
    expect(printed.split('\n').filter((line) => /^\d+ \d/.test(line))).toHaveLength(50);
    expect(numberBehind(printed, 'right:')).toBeGreaterThan(0.8);
  },

  'README.md 2': (printed) => expectLogits(list(printed), networkByName('ic-resnet8'), waves(32 * 32 * 3)),

  'README.md 3': convolved,

  'README.md 4': async (printed, folder) => {
    expectLogits(list(printed), tiny, new Float32Array(64).fill(0.5));
    const files = await readdir(join(folder, 'tuning'), { recursive: true });
    expect(files.filter((file) => file.endsWith('.json')).length).toBeGreaterThan(3);
  },

  'docs/distillation.md 1': (printed) => {
    const reports = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(reports).toHaveLength(4);
    const [first] = reports;
    expect(first.weight).toBe(1);
    expect(first.distance).toBeGreaterThan(0);
    expect(first.loss).toBeCloseTo(first.crossEntropy + first.distance, 4);
    expect(reports.map(({ weight = 0 }) => weight)).toEqual([1, expect.closeTo(0.5, 5), 0, 0]);
  },

  'docs/embedding.md 1': convolved,

  'docs/embedding.md 2': (printed) => {
    const [colour, mean, deviation] = [
      [51, 102, 204],
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ];
    const expected = [0, 1, 2].map((channel) => (colour[channel]! / 255 - mean[channel]!) / deviation[channel]!);
    expectClose(Float32Array.from(list(printed)), Float64Array.from(expected), tolerance, 'picture');
  },

  'docs/embedding.md 3': (printed) => {
    const network = networkByName('ic-resnet8');
    const zeros = new Float32Array(32 * 32 * 3);
    const { logits } = networkForward(network, initialParameters(network, 1), zeros, { training: false });
    expectClose(Float32Array.from(list(printed)), reluReference(logits), tolerance, 'network and ReLU');
  },

  'docs/embedding.md 4': (printed) => {
    expect(printed).toContain('layer3.0.relu2 16384 [ 1, 8, 8, 64 ]\nfc 40 [ 1, 1, 1, 10 ]\n');
    const image = new Float32Array(32 * 32 * 3).fill(0.5);
    const network = networkByName('ic-resnet8');
    const { activations } = networkForward(network, initialParameters(network, 1), image, { training: false });
    for (const [layer, count] of [['layer3.0.relu2', 4096] as const, ['fc', 10] as const]) {
      const [, values] = printed.split(`${layer} ${count} `);
      const first = activations.get(layer)!.data.subarray(0, 10);
      expectClose(Float32Array.from(list(values!)), first, tolerance, layer);
    }
  },

  'docs/precision.md 1': (printed) => {
    const network = networkByName('ic-resnet8');
    const zeros = new Float32Array(32 * 32 * 3);
    const { logits } = networkForward(network, initialParameters(network, 1), zeros, { training: false });
    const largest = logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const [precision] = printed.split(' ');
    expect(['float16', 'float32']).toContain(precision);
    const bound = precision === 'float16' ? 0.02 * largest : tolerance;
    expectClose(Float32Array.from(list(printed)), logits, bound, 'logits');
  },

  // Whether the adapter has matrix units is its own affair.
  'docs/precision.md 2': (printed) => expect(printed.trim()).toMatch(/^(true|false)$/),

  'docs/embedding.md 6': (printed) => {
    const { source, texts, bindings } = JSON.parse(printed);
    expect(bindings.map(({ name }: { name: string }) => name)).toEqual(['input', 'output', 'status']);
    expect(source).toContain('@compute @workgroup_size(64)');
    expect(texts.join()).toContain('fn workgroup_index');
    expect(texts).toHaveLength(kernels.activation!.shared.length);
  },

  'docs/operations/activations.md 1': (printed) => {
    expect(printed.match(/\w+/g)).toEqual(expect.arrayContaining(['input', 'filter', 'bias', 'output']));
  },

  'docs/ic-unit.md 1': (printed) => {
    expectLogits(list(printed), tiny, waves(64));
    const layers = networkParameters(tiny).filter(({ role }) => role === 'adjust');
    const names = layers.map(({ name }) => name.replace(/\.adjust$/, ''));
    for (const name of names) {
      const share = numberBehind(printed, `${name} `);
      expect(share).toBeGreaterThan(0);
      expect(share).toBeLessThan(1);
    }
    expect(names.length).toBeGreaterThan(5);
    expect(printed.slice(printed.lastIndexOf('[')).match(/'[^']+'/g)).toEqual(names.map((name) => `'${name}'`));
  },

  'docs/performance.md 1': (printed) => {
    expectLogits(list(printed), tiny, new Float32Array(64).fill(0.5));
    expect(printed.match(/'(tiled|subgroup|winograd|naive)'/g)!.length).toBeGreaterThan(3);
  },

  // torchvision's mobilenet_v2 of 10 classes, and the weights of the second term.
  'docs/networks.md 1': (printed) => {
    const network = networkByName('ic-mobilenet-v2', { classes: 10, input: { height: 96, width: 96, channels: 3 } });
    const adjust = networkParameters(network).filter(({ role }) => role === 'adjust');
    expect(adjust.length).toBeGreaterThan(10);
    const parameters = 2_236_682 + adjust.reduce((sum, { shape }) => sum + shape[0]!, 0);
    expect(printed).toMatch(new RegExp(`^${parameters} \\d{8}`));
  },

  'docs/onnx.md 1': async (_, folder) => {
    const { values } = decodeOnnx(await readFile(join(folder, 'network.onnx')));
    const written = initialParameters(tiny, 1);
    for (const { name, trainable } of networkParameters(tiny)) {
      if (trainable) expect(values.get(name), name).toEqual(written.get(name));
    }
  },

  'docs/pictures.md 2': (printed) => expect(printed.trim()).toBe(`${224 * 224 * 3} Set(1) { 200 }`),

  'docs/pictures.md 3': async (printed) => {
    const golden = readSafetensors(await readFile(new URL('../golden/pictures.safetensors', import.meta.url)));
    const { shape, bytes } = golden.tensors.get('pixels.444.jpg')!;
    expect(printed.trim()).toBe(`${shape[1]} ${shape[0]} ${bytes.length}`);
  },

  'docs/pictures.md 4': (printed) => {
    expect(printed.trim()).toBe('n02099601 golden retriever');
    expect(imageNetClasses()[207]).toEqual({ id: 'n02099601', name: 'golden retriever' });
  },

  'docs/training.md 1': async (printed, folder) => {
    const accuracy = numberBehind(printed, 'right:');
    expect(accuracy * 1000).toBeCloseTo(Math.round(accuracy * 1000), 6);
    expect(accuracy).toBeGreaterThan(0.05);
    const { training } = decodeCheckpoint(await readFile(join(folder, 'checkpoint.safetensors')));
    expect(training!.step).toBe(10);
  },

  'docs/training.md 2': (printed) => expect(printed).toMatch(/^ic-resnet8 \d\d/),

  'docs/training.md 3': (printed) => expect(printed).toMatch(/^2 \d+$/m),

  'docs/weights.md 1': (printed) => {
    const tensors = networkParameters(networkByName('resnet18')).length;
    expect(printed.trim().split('\n').at(-1)).toBe(`${tensors} tensors`);
    expect(printed).toMatch(/^1$/m);
  },

  'docs/weights.md 3': (printed) => {
    const fresh = networkParameters(networkByName('ic-resnet18', { classes: 10 }))
      .filter(({ name, role }) => role === 'adjust' || name.startsWith('fc.'))
      .map(({ name }) => name);
    expect([...printed.matchAll(/'([^']+)'/g)].map(([, name]) => name).sort()).toEqual(fresh.sort());
  },

  'docs/weights.md 4': async (_, folder) => {
    const { tensors } = readSafetensors(await readFile(join(folder, 'ic-resnet8.safetensors')));
    expect(tensors.get('fc.weight')).toMatchObject({ dtype: 'F16', shape: [10, 64] });
  },
};
