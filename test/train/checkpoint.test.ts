import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuffer } from '../../src/device/buffers.js';
import { FormatError, ShapeError, UnsupportedError } from '../../src/errors.js';
import type { Network } from '../../src/graph/network.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { readState } from '../../src/graph/state.js';
import { readSafetensors, type SafetensorsTensor, toFloat32, writeSafetensors } from '../../src/io/safetensors.js';
import { initialParameters } from '../../src/models/initialise.js';
import { toIC } from '../../src/models/toIC.js';
import { decodeCheckpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../../src/train/checkpoint.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../../src/train/trainer.js';
import { expectError } from '../models/errors.js';
import { countAllocations } from '../support/allocations.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { oihwToHwio } from '../support/layout.js';
import {
  adamW,
  disposeAll,
  freshState,
  freshTrainer,
  smallNetwork,
  smallOptions,
  snapshot,
  stripes,
} from './smallTraining.js';

let device: GPUDevice;
let trainer: Trainer;
let file: Uint8Array;
const normalisation = { mean: [0.25], deviation: [0.125] };

beforeAll(async () => {
  ({ device } = await testDevice());
  trainer = await freshTrainer(device, { steps: 6 });
  await trainer.run({ steps: 3 });
  file = await encodeCheckpoint(trainer.state, { trainer, normalisation });
});

afterAll(async () => {
  disposeAll(trainer);
  await closeTestDevice();
});

describe('a checkpoint file', () => {
  it("has PyTorch's names and layouts, in the order of its state_dict, and then the moments", () => {
    const { tensors, metadata } = readSafetensors(file);
    const trained = ['conv1.weight', 'conv1.adjust', 'norm.weight', 'norm.bias'];
    const more = ['conv2.weight', 'conv2.adjust', 'conv2.bias', 'fc.weight', 'fc.bias'];
    const statistics = ['norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked'];
    const moments = [...trained, ...more].map((name) => `optimizer.velocities.${name}`);
    expect([...tensors.keys()]).toEqual([...trained, ...statistics, ...more, ...moments]);
    const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
    expect(shapes).toMatchObject({
      'conv1.weight': [8, 1, 3, 3],
      'conv1.adjust': [8],
      'conv2.weight': [8, 8, 3, 3],
      'norm.running_var': [8],
      'norm.num_batches_tracked': [],
      'fc.weight': [3, 8],
      'optimizer.velocities.conv2.weight': [8, 8, 3, 3],
    });
    expect(metadata.format).toBe('pt');
    expect(JSON.parse(metadata['ic-networks']!)).toEqual({
      network: smallNetwork,
      normalisation,
      training: { step: 3, steps: 6, seed: 7, batch: 4, dataset: 'stripes', optimiser: 'sgd' },
    });
  });

  it('holds filters and their moments as OIHW and counts batches in a 64-bit integer', async () => {
    const { tensors } = readSafetensors(file);
    const { offset, count } = trainer.state.layout.trained.find(({ name }) => name === 'conv2.weight')!;
    for (const [name, buffer] of [
      ['conv2.weight', trainer.state.trained],
      ['optimizer.velocities.conv2.weight', trainer.optimiser.moments.get('velocities')!],
    ] as const) {
      const memory = new Float32Array(await readBuffer(device, buffer)).subarray(offset, offset + count);
      expect(oihwToHwio(toFloat32(tensors.get(name)!), [8, 8, 3, 3]), name).toEqual(memory);
      expect(memory.some((value) => value !== 0)).toBe(true);
    }
    const counter = tensors.get('norm.num_batches_tracked')!;
    expect(counter.dtype).toBe('I64');
    expect([...counter.bytes]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('gives back network, state, normalisation and training', async () => {
    const checkpoint = decodeCheckpoint(file);
    expect(checkpoint.network).toEqual(smallNetwork);
    expect(checkpoint.normalisation).toEqual(normalisation);
    expect(checkpoint.training).toMatchObject({ step: 3, steps: 6, optimiser: 'sgd' });
    const state = restoreState(device, checkpoint);
    expect(state.batchesTracked).toBe(3);
    expect(await readState(state)).toEqual(await readState(trainer.state));
    state.dispose();
  });

  it('is of a network alone where there is no training', async () => {
    const state = freshState(device);
    const checkpoint = decodeCheckpoint(await encodeCheckpoint(state));
    expect(checkpoint.training).toBeUndefined();
    expect(checkpoint.normalisation).toBeUndefined();
    expect(checkpoint.moments.size).toBe(0);
    expect(checkpoint.values.get('fc.weight')).toEqual(initialParameters(smallNetwork, 3).get('fc.weight'));
    const other = await freshTrainer(device);
    expectError(() => restoreTrainer(other, checkpoint), FormatError, { parameter: 'checkpoint' });
    disposeAll(other);
    state.dispose();
  });

  it('takes half-precision weights and a count that is a float', () => {
    const changed = rewritten((name, tensor) => {
      if (name === 'fc.bias') return { dtype: 'BF16', shape: [3], bytes: Uint8Array.of(0x80, 0x3f, 0, 0x40, 0, 0xc0) };
      if (name !== 'norm.num_batches_tracked') return tensor;
      return { dtype: 'F32', shape: [], bytes: new Uint8Array(Float32Array.of(5).buffer) };
    });
    const { values } = decodeCheckpoint(changed);
    expect(values.get('fc.bias')).toEqual(Float32Array.of(1, 2, -2));
    expect(values.get('norm.num_batches_tracked')).toEqual(Float32Array.of(5));
  });
});

describe('a trainer', () => {
  it.each([
    ['optimiser', { optimiser: adamW }],
    ['seed', { seed: 8 }],
    ['batch', { batch: 3 }],
    ['steps', { steps: 7 }],
    ['dataset', { dataset: stripes(24, { name: 'other stripes' }) }],
  ] as [string, Partial<TrainerOptions>][])('of another %s does not take it', async (key, changes) => {
    const other = await freshTrainer(device, { steps: 6, ...changes });
    const parameter = `checkpoint, training.${key}`;
    expectError(() => restoreTrainer(other, decodeCheckpoint(file)), FormatError, { parameter });
    expect(other.step).toBe(0);
    disposeAll(other);
  });

  it('takes nothing where a moment is missing', async () => {
    const other = await freshTrainer(device, { steps: 6 });
    const before = await snapshot(other);
    const lacking = rewritten((name, tensor) => (name === 'optimizer.velocities.fc.bias' ? undefined : tensor));
    const parameter = 'checkpoint, optimizer.velocities.fc.bias';
    expectError(() => restoreTrainer(other, decodeCheckpoint(lacking)), FormatError, { parameter, got: 'none' });
    expect(await snapshot(other)).toEqual(before);
    expect(other.step).toBe(0);
    disposeAll(other);
  });

  it('of another network does not take it', async () => {
    const plain: Network = {
      ...smallNetwork,
      layers: smallNetwork.layers.map((layer) =>
        layer.kind === 'convolution' ? { ...layer, adjust: 'input' } : layer,
      ),
    };
    const other = await createTrainer(freshState(device, plain), smallOptions({ steps: 6 }));
    const act = () => restoreTrainer(other, decodeCheckpoint(file));
    expectError(act, FormatError, { parameter: 'checkpoint, optimizer.velocities.conv1.adjust' });
    disposeAll(other);
  });
});

describe('tensors that are not those of the network', () => {
  const refused = (bytes: Uint8Array, named: { parameter?: string; got?: string; expected?: string }) =>
    expectError(() => decodeCheckpoint(bytes, 'run.safetensors'), FormatError, named);

  it('are named: what is missing, left over and of another shape', () => {
    const network: Network = {
      ...smallNetwork,
      name: 'another',
      layers: smallNetwork.layers
        .filter(({ name }) => name !== 'norm')
        .map((layer) => {
          if (layer.name === 'relu1') return { ...layer, inputs: ['conv1'] };
          if (layer.name === 'conv1') return { ...layer, bias: true } as typeof layer;
          return layer.kind === 'dense' ? { ...layer, outFeatures: 4 } : layer;
        }),
    };
    const { tensors, metadata } = readSafetensors(file);
    const kept = [...tensors].filter(([name]) => !name.startsWith('optimizer.'));
    const record = JSON.stringify({ network });
    refused(writeSafetensors(kept, { ...metadata, 'ic-networks': record }), {
      parameter: 'run.safetensors',
      expected: 'the state of another',
      got:
        'missing: conv1.bias; left over: norm.weight and 4 more; ' +
        'of another shape: fc.weight ([3,8] instead of [4,8]) and 1 more',
    });
  });

  it('may be those of the plain network of an IC network, but then the recalibration is missing', () => {
    const network = toIC(smallNetwork, { adjust: 'output', convolutions: () => true });
    expect(network).toEqual(smallNetwork);
    refused(
      rewritten((name, tensor) => (name.endsWith('.adjust') ? undefined : tensor)),
      {
        got: 'missing: conv1.adjust, conv2.adjust',
      },
    );
  });

  it.each([
    'optimizer.velocities.nothing',
    'optimizer.velocities',
    'optimizer..fc.bias',
    'optimizer.means.norm.running_mean',
  ])('are left over where no parameter has the moment %s', (name) => {
    const { tensors, metadata } = readSafetensors(file);
    const moment = tensors.get('optimizer.velocities.fc.bias')!;
    refused(writeSafetensors([...tensors, [name, moment]], metadata), { got: `left over: ${name}` });
  });

  it('are of another shape where a moment is', () => {
    const name = 'optimizer.velocities.conv2.weight';
    refused(
      rewritten((key, tensor) => (key === name ? { ...tensor, shape: [576] } : tensor)),
      {
        got: `of another shape: ${name} ([576] instead of [8,8,3,3])`,
      },
    );
  });

  it.each([
    ['fc.bias: dtype', 'I32', new Uint8Array(12)],
    ['optimizer.velocities.fc.bias: dtype', 'U32', new Uint8Array(12)],
    ['norm.num_batches_tracked, element 0', 'I64', new Uint8Array(8).fill(255)],
    ['norm.num_batches_tracked, element 0', 'I64', new Uint8Array(8).fill(127)],
    ['norm.num_batches_tracked, element 0', 'F32', floatBytes(Number.NaN)],
    ['norm.num_batches_tracked, element 0', 'F32', floatBytes(0.5)],
    ['fc.bias, element 1', 'F32', floatBytes(0, Number.NaN, 0)],
    ['fc.bias, element 2', 'BF16', Uint8Array.of(0, 0, 0, 0, 0x80, 0x7f)],
    ['norm.running_var, element 7', 'F32', floatBytes(1, 0, 1, 1, 1, 1, 1, -1e-20)],
    ['norm.running_mean, element 0', 'F32', floatBytes(Number.NEGATIVE_INFINITY, 0, 0, 0, 0, 0, 0, 0)],
    ['optimizer.velocities.fc.bias, element 0', 'F32', floatBytes(Infinity, 0, 0)],
    ['norm.num_batches_tracked: dtype', 'BOOL', new Uint8Array(1)],
  ] as [
    string,
    SafetensorsTensor['dtype'],
    Uint8Array,
  ][])('hold numbers of the right kind: not %s of %s', (parameter, dtype, bytes) => {
    const [name] = parameter.split(/[:,]/);
    const changed = rewritten((key, tensor) => (key === name ? { ...tensor, dtype, bytes } : tensor));
    const kind = parameter.endsWith('dtype') ? UnsupportedError : FormatError;
    expectError(() => decodeCheckpoint(changed, 'run.safetensors'), kind, {
      parameter: `run.safetensors, ${parameter}`,
    });
  });
});

describe('an absurd size', () => {
  it('costs no memory', async () => {
    const layers = smallNetwork.layers.map((layer) =>
      layer.kind === 'convolution'
        ? { ...layer, outChannels: 2 ** 40, kernel: [2 ** 20, 2 ** 20], padding: [2 ** 20, 2 ** 20] }
        : layer,
    );
    const { tensors, metadata } = readSafetensors(file);
    const record = JSON.stringify({ network: { ...smallNetwork, layers } });
    const bytes = writeSafetensors(tensors, { ...metadata, 'ic-networks': record });
    const allocated = await countAllocations(() => expect(() => decodeCheckpoint(bytes)).toThrow(FormatError));
    expect(allocated).toBeLessThan(2 ** 20);
  });
});

describe('a state', () => {
  it('does not take the checkpoint of another network', () => {
    const { values } = decodeCheckpoint(file);
    const known = networkParameters(smallNetwork).map(({ shape }) => elementCount(shape));
    expect([...values.values()].map(({ length }) => length)).toEqual(known);
    const wrong = new Map([...values, ['more', new Float32Array(1)]]);
    const checkpoint = { ...decodeCheckpoint(file), values: wrong };
    expect(() => restoreState(device, checkpoint)).toThrow(ShapeError);
  });
});

function floatBytes(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** The file with tensors changed, or left out where the change gives none. */
function rewritten(change: (name: string, tensor: SafetensorsTensor) => SafetensorsTensor | undefined): Uint8Array {
  const { tensors, metadata } = readSafetensors(file);
  const changed = [...tensors].flatMap(([name, tensor]): [string, SafetensorsTensor][] => {
    const kept = change(name, tensor);
    return kept ? [[name, kept]] : [];
  });
  return writeSafetensors(changed, metadata);
}
