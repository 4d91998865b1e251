import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
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
import { randomArray, uniform } from '../support/random.js';
import { weightsOf } from '../weights/files.js';
import { root } from './blocks.js';

const { device } = await testDevice();
const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
const shape = { batch: 1, inHeight: 8, inWidth: 8, inChannels: 4, outChannels: 8, groups: 1, ...windows };
const small: Network = cifarResNet({ depth: 8, ic: true, input: { height: 8, width: 8, channels: 1 } });
const dataset: ImageDataset = {
  ...{ name: 'noise', count: 16, height: 8, width: 8, channels: 1, classes: 10 },
  images: Uint8Array.from({ length: 1024 }, (_, i) => (i * 89) % 256),
  labels: Uint8Array.from({ length: 16 }, (_, i) => i % 10),
};

/** What the buffers and the picture that are given hold. */
export const values = {
  activations: uniform(1024, 1),
  input: uniform(256, 2),
  filter: uniform(288, 3),
  adjust: uniform(8, 4),
  /** The weights of `state`. */
  small: initialParameters(small, 1),
  /** The weights in resnet18.safetensors. */
  large: initialParameters(networkByName('resnet18'), 5),
  image: randomArray(64, 6, 0, 1),
  /** Every pixel of `texture`. */
  colour: [51, 102, 204, 255],
};

/** Files that blocks open, one folder for all. */
const files = await mkdtemp(join(tmpdir(), 'icnet-docs-files-'));
const largeFile = join(files, 'resnet18.safetensors');
await writeFile(largeFile, weightsOf(networkByName('resnet18'), values.large));
const file = await openAsBlob(largeFile);

function buffer(contents: number | Float32Array): GPUBuffer {
  const size = typeof contents === 'number' ? contents : contents.byteLength;
  const made = device.createBuffer({ size, usage: 0x80 | 0x04 | 0x08, mappedAtCreation: true });
  if (typeof contents !== 'number') new Float32Array(made.getMappedRange()).set(contents);
  made.unmap();
  return made;
}

function plainTexture(width: number, height: number): GPUTexture {
  const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST;
  const texture = device.createTexture({ size: [width, height], format: 'rgba8unorm', usage });
  const pixels = Uint8Array.from({ length: width * height * 4 }, (_, i) => values.colour[i % 4]!);
  device.queue.writeTexture({ texture }, pixels, { bytesPerRow: width * 4 }, [width, height]);
  return texture;
}

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
  const teacher = createState(device, small);
  for (const each of [state, teacher]) writeState(each, values.small);
  const options: TrainerOptions = {
    ...{ dataset, normalisation: { mean: [0.5], deviation: [0.25] }, batch: 4, steps: 1, seed: 1 },
    ...{ optimiser: { kind: 'sgd', learningRate: 0.1 }, schedule: { kind: 'constant' } },
  };
  return {
    ...{ device, pass, state, teacher, dataset, shape, options, file },
    texture: plainTexture(640, 480),
    weights: initialParameters(networkByName('ic-resnet8'), 1),
    image: values.image,
    activations: buffer(values.activations),
    input: buffer(values.input),
    filter: buffer(values.filter),
    adjust: buffer(values.adjust),
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

/** Does something in a folder that has the files that blocks open, where they write theirs, and the user's cache. */
export async function inWorkFolder(work: () => Promise<unknown>): Promise<void> {
  const folder = await mkdtemp(join(files, 'work-'));
  await symlink(largeFile, join(folder, 'resnet18.safetensors'));
  await symlink(join(root, 'test/golden/pictures/444.jpg'), join(folder, 'dog.jpg'));
  const before = { folder: process.cwd(), cache: process.env.XDG_CACHE_HOME };
  process.chdir(folder);
  process.env.XDG_CACHE_HOME = folder;
  try {
    await work();
  } finally {
    process.chdir(before.folder);
    if (before.cache === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before.cache;
  }
}

export const removeFiles = (): Promise<void> => rm(files, { recursive: true, force: true });
