import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { NumericError, ShapeError } from '../../src/errors.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { createState, type NetworkState, readState, writeState } from '../../src/graph/state.js';
import { decodeFloats, encodeFloats, type FloatType } from '../../src/io/floats.js';
import { readSafetensors } from '../../src/io/safetensors.js';
import { writeAtomically } from '../../src/io/writeAtomically.js';
import { loadWeights } from '../../src/weights/load.js';
import { encodeWeights, type SaveWeightsOptions } from '../../src/weights/save.js';
import { everyRole, randomState } from '../graph/networks.js';
import { closeTestDevice, testDevice } from '../support/device.js';

const values = randomState(everyRole, 5);
let device: GPUDevice;
let state: NetworkState;
beforeAll(async () => {
  ({ device } = await testDevice());
  state = createState(device, everyRole);
  writeState(state, values);
});
afterAll(async () => {
  state.dispose();
  await closeTestDevice();
});

async function fileOf(options?: SaveWeightsOptions): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of encodeWeights(state, options)) pieces.push(piece);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

describe('encodeWeights', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('writes %s under PyTorch names, in its order and shapes', async (type) => {
    const { metadata, tensors } = readSafetensors(await fileOf({ type }));
    expect(metadata).toEqual({ format: 'pt' });
    const specs = networkParameters(everyRole);
    expect([...tensors.keys()]).toEqual(specs.map(({ name }) => name));
    for (const { name, shape, role } of specs) {
      const tensor = tensors.get(name)!;
      expect(tensor.shape).toEqual(shape);
      if (role === 'batchesTracked') {
        expect(tensor.dtype).toBe('I64');
        expect(new BigInt64Array(tensor.bytes.slice().buffer)[0]).toBe(17n);
      } else {
        expect(tensor.dtype).toBe(type);
        expect(decodeFloats(type, tensor.bytes)).toEqual(decodeFloats(type, encodeFloats(type, values.get(name)!)));
      }
    }
  });

  it.each([
    'F32',
    'F16',
    'BF16',
  ] as const)('puts every %s at a multiple of its size, and the counters', async (type) => {
    const file = await fileOf({ type });
    for (const [name, { bytes, dtype }] of readSafetensors(file).tensors) {
      expect(bytes.byteOffset % { F32: 4, F16: 2, BF16: 2, I64: 8 }[dtype as FloatType | 'I64'], name).toBe(0);
    }
  });

  it('makes a file that comes back bit for bit, through the disk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weights-'));
    const path = join(folder, 'saved.safetensors');
    await writeAtomically(path, encodeWeights(state, { metadata: { format: 'pt', by: 'test' } }));
    const file = await readFile(path);
    await rm(folder, { recursive: true });
    expect(readSafetensors(file).metadata).toEqual({ format: 'pt', by: 'test' });
    const other = createState(device, everyRole);
    await loadWeights(other, file);
    const read = await readState(other);
    for (const [name, data] of values) expect(read.get(name), name).toEqual(data);
    other.dispose();
  });

  it('gives the room of its copy back, whether all of it is taken or not', async () => {
    const before = bufferUsage(device);
    await fileOf();
    expect(bufferUsage(device)).toEqual(before);
    for await (const piece of encodeWeights(state)) {
      expect(piece.length).toBeGreaterThan(0);
      expect(bufferUsage(device).count).toBe(before.count + 2);
      break;
    }
    expect(bufferUsage(device)).toEqual(before);
  });

  it('refuses what a type cannot hold', async () => {
    const other = createState(device, everyRole);
    const pieces = async (type: FloatType): Promise<void> => {
      for await (const piece of encodeWeights(other, { type })) void piece;
    };
    writeState(other, new Map([...values, ['norm.bias', Float32Array.of(1, 65504, 65505, 0, 0, 0)]]));
    await pieces('BF16');
    const thrown = await pieces('F16').catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(ShapeError);
    expect(thrown).toMatchObject({ parameter: 'norm.bias', got: '65505' });
    writeState(other, new Map([...values, ['norm.bias', new Float32Array(6).fill(Number.NaN)]]));
    await expect(pieces('F32')).rejects.toBeInstanceOf(NumericError);
    other.dispose();
  });
});
