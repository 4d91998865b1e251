import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Network } from '../../src/graph/network.js';
import { createState, writeState } from '../../src/graph/state.js';
import type { ImageDataset } from '../../src/io/dataset.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { cifarResNet } from '../../src/models/resnet.js';
import type { TrainerOptions } from '../../src/train/trainer.js';
import { testDevice } from '../support/device.js';

const { device } = await testDevice();
const storage = 0x80 | 0x04 | 0x08;
const buffer = (bytes: number): GPUBuffer => device.createBuffer({ size: bytes, usage: storage });
const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
const shape = { batch: 1, inHeight: 8, inWidth: 8, inChannels: 4, outChannels: 8, groups: 1, ...windows };
const small: Network = cifarResNet({ depth: 8, ic: true, input: { height: 8, width: 8, channels: 1 } });
const dataset: ImageDataset = {
  ...{ name: 'noise', count: 16, height: 8, width: 8, channels: 1, classes: 10 },
  images: Uint8Array.from({ length: 1024 }, (_, i) => (i * 89) % 256),
  labels: Uint8Array.from({ length: 16 }, (_, i) => i % 10),
};
const passes: { readonly encoder: GPUCommandEncoder; readonly pass: GPUComputePassEncoder }[] = [];

/**
 * What the code blocks of the documentation take for granted, by the names they use. A block that needs something else says
 * where it comes from, or gets it from here.
 */
export function given() {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  passes.push({ encoder, pass });
  const state = createState(device, small);
  writeState(state, initialParameters(small, 1));
  const texture = device.createTexture({
    size: [640, 480],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.TEXTURE_BINDING,
  });
  const options: TrainerOptions = {
    ...{ dataset, normalisation: { mean: [0.5], deviation: [0.25] }, batch: 4, steps: 1, seed: 1 },
    ...{ optimiser: { kind: 'sgd', learningRate: 0.1 }, schedule: { kind: 'constant' } },
  };
  return {
    ...{ device, pass, state, dataset, shape, texture, options },
    teacher: state,
    weights: initialParameters(networkByName('ic-resnet8'), 1),
    image: new Float32Array(64),
    activations: buffer(4096),
    input: buffer(1024),
    filter: buffer(1152),
    adjust: buffer(32),
    output: buffer(2048),
    tensor: buffer(224 * 224 * 3 * 4),
  };
}

/** Submits the passes that blocks encoded into; what is wrong with one is its error. */
export async function submitPasses(): Promise<string | undefined> {
  device.pushErrorScope('validation');
  for (const { encoder, pass } of passes.splice(0)) {
    pass.end();
    device.queue.submit([encoder.finish()]);
  }
  return (await device.popErrorScope())?.message;
}

/** A folder of its own, where blocks write files. */
export const workFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'icnet-docs-'));
