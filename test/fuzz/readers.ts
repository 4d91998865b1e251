import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { Network } from '../../src/graph/network.js';
import { parseNetwork } from '../../src/graph/networkJson.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { readCifar } from '../../src/io/cifar.js';
import { decodePicture } from '../../src/io/decodePicture.js';
import { readIdx } from '../../src/io/idx.js';
import { parseJson } from '../../src/io/json.js';
import { transformPicture } from '../../src/io/picture.js';
import { readSafetensors, type SafetensorsTensor, writeSafetensors } from '../../src/io/safetensors.js';
import { elementBytes } from '../../src/io/safetensorsHeader.js';
import { decodeOnnx } from '../../src/onnx/decode.js';
import { encodeOnnx } from '../../src/onnx/encode.js';
import { decodeCheckpoint, encodeNetwork } from '../../src/train/checkpoint.js';
import { recordKey } from '../../src/train/checkpointRecord.js';
import { decodeTuning, encodeTuning, version } from '../../src/tune/record.js';
import { readWeights } from '../../src/weights/read.js';
import { openWeights } from '../../src/weights/weightsFile.js';
import { everyRole, randomState } from '../graph/networks.js';
import { cifarFile, idxFile } from '../io/files.js';
import { smallNetworks } from '../networks/smallNetworks.js';
import { windowNetworks } from '../networks/windowNetworks.js';
import { exportedNetworks } from '../onnx/cases.js';
import { weightsOf } from '../weights/files.js';
import type { FuzzedReader } from './fuzz.js';
import { mutateBytes, mutateTree } from './mutate.js';
import type { Random } from './random.js';

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const golden = (...path: string[]): Uint8Array => new Uint8Array(readFileSync(join('test', 'golden', ...path)));

/** A mutant of JSON: of its values, of its text, or of both. */
function jsonMutant(value: object, random: Random): Uint8Array {
  const changed = structuredClone(value);
  if (random.chance(0.7)) mutateTree(changed, random);
  const text = bytesOf(JSON.stringify(changed));
  return random.chance(0.5) ? mutateBytes(text, random) : text;
}

/** A mutant of a safetensors file; half of them have a mutated header of the right length. */
function safetensorsMutant(file: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.5)) return mutateBytes(file, random);
  const start = 8 + new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const text = file.subarray(8, start);
  const header = random.chance(0.5)
    ? jsonMutant(JSON.parse(textOf(text)) as object, random)
    : mutateBytes(text, random);
  const length = Buffer.alloc(8);
  length.writeUInt32LE(header.length);
  return new Uint8Array(Buffer.concat([length, header, file.subarray(start)]));
}

const numbers = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, index) => (index * 37) % 251);
const mixedFile = writeSafetensors(
  [
    ['plain', { dtype: 'F32', shape: [2, 3], bytes: numbers(24) }],
    ['packed', { dtype: 'F4', shape: [4], bytes: numbers(2) }],
    ['none', { dtype: 'BF16', shape: [0, 5], bytes: numbers(0) }],
    ['count', { dtype: 'I64', shape: [], bytes: numbers(8) }],
  ],
  { format: 'pt', note: 'some "words"' },
);

function checkSafetensors(bytes: Uint8Array): void {
  const { metadata, tensors } = readSafetensors(bytes);
  for (const { dtype, shape, bytes } of tensors.values()) {
    assert.equal(bytes.length, elementCount(shape) * elementBytes[dtype]);
  }
  const again = readSafetensors(writeSafetensors(tensors, metadata));
  assert.deepEqual(again.metadata, metadata);
  assert.deepEqual([...again.tensors], [...tensors]);
}

const weightsNetwork = everyRole;
const weightsFile = weightsOf(weightsNetwork, randomState(weightsNetwork, 3));

/** Reads weights from a source that says its size, or, for every other length, from one that does not. */
async function checkWeights(bytes: Uint8Array): Promise<void> {
  const source = {
    name: 'stream',
    size: undefined,
    async read(offset: number, target: Uint8Array) {
      const piece = bytes.subarray(offset, offset + target.length);
      target.set(piece);
      return piece.length;
    },
    async close() {},
  };
  const values = await readWeights(weightsNetwork, await openWeights(bytes.length % 2 === 0 ? bytes : source));
  checkValues(weightsNetwork, values);
}

/** Makes sure that the values are those of the network, but for counters of batches, and finite. */
function checkValues(network: Network, values: ReadonlyMap<string, Float32Array>): void {
  const specs = networkParameters(network).filter(({ role }) => role !== 'batchesTracked');
  for (const { name, shape } of specs) {
    assert.equal(values.get(name)?.length, elementCount(shape), name);
    assert.ok(values.get(name)!.every(Number.isFinite), `${name} is finite`);
  }
}

const record = {
  network: weightsNetwork,
  normalisation: { mean: [0.1, 0.2, 0.3], deviation: [1, 2, 3] },
  classNames: ['a', 'b', 'c'],
};
const checkpointRecord = {
  ...record,
  training: { step: 3, steps: 6, seed: 7, batch: 4, dataset: 'some', optimiser: 'sgd', distillation: 'kl' },
};
const moment: [string, SafetensorsTensor] = [
  'optimizer.velocities.fc.bias',
  { dtype: 'F32', shape: [7], bytes: new Uint8Array(28) },
];
const checkpointTensors: [string, SafetensorsTensor][] = [...readSafetensors(weightsFile).tensors, moment];
const checkpointOf = (text: string): Uint8Array => writeSafetensors(checkpointTensors, { [recordKey]: text });
const checkpointFile = checkpointOf(JSON.stringify(checkpointRecord));

function checkCheckpoint(bytes: Uint8Array): void {
  const { network, values, normalisation, classNames } = decodeCheckpoint(bytes);
  for (const { name, shape } of networkParameters(network)) assert.equal(values.get(name)?.length, elementCount(shape));
  const notes = { ...(normalisation && { normalisation }), ...(classNames && { classNames }) };
  const again = decodeCheckpoint(encodeNetwork(network, values, notes));
  assert.deepStrictEqual([...again.values], [...values]);
  const { normalisation: mean, classNames: names } = again;
  assert.equal(JSON.stringify([again.network, mean, names]), JSON.stringify([network, normalisation, classNames]));
}

function checkNetwork(bytes: Uint8Array): void {
  const network = parseNetwork(parseJson(textOf(bytes), 'fuzz', 'network'), 'network');
  for (const shape of inferShapes(network, 1).values()) {
    assert.ok(
      shape.every((size) => Number.isSafeInteger(size) && size > 0),
      `shape [${shape}]`,
    );
  }
  assert.deepEqual(parseNetwork(JSON.parse(JSON.stringify(network)), 'network'), network);
}

const form = { family: 'subgroup', tile: { vector: 4, pixels: 2 } } as const;
const tuningText = encodeTuning({
  adapter: 'some adapter',
  version,
  results: new Map([
    ['first', { form, milliseconds: 0.25, heuristic: form, heuristicMilliseconds: 0.5 }],
    ['second', { form, milliseconds: 1, heuristic: { family: 'naive', tile: {} } }],
  ]),
});

function checkTuning(bytes: Uint8Array): void {
  const read = decodeTuning(textOf(bytes), 'fuzz');
  assert.deepEqual(decodeTuning(encodeTuning(read), 'again'), read);
}

const idxFiles = [idxFile([3, 4, 5], numbers(60)), idxFile([60], numbers(60)), idxFile([2, 3, 2, 3], numbers(36))];

async function checkIdx(bytes: Uint8Array): Promise<void> {
  const { shape, data } = await readIdx(bytes, 'fuzz');
  assert.ok(shape.every((size) => size > 0));
  assert.equal(data.length, elementCount(shape));
}

function checkCifar(bytes: Uint8Array): void {
  const kind = bytes.length % 3074 === 0 ? 'cifar100' : 'cifar10';
  const { count, classes, images, labels } = readCifar([{ name: 'fuzz', bytes }], kind);
  assert.equal(images.length, count * 3072);
  assert.equal(labels.length, count);
  assert.ok(labels.every((label) => label < classes));
}

/** A PNG whose chunks have the checksums that they should have; anything else as it is. */
function withChecksums(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length) break;
    view.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
  return bytes;
}

const pictureFiles = [
  ...['orientation6.jpg', 'progressive.jpg', 'grey.jpg', 'cmyk.jpg', 'exif5.jpg', 'xmp6.jpg', 'stray.jpg'],
  ...['late8.png', 'xmp3-packed.png', 'raw7.png', 'palette-alpha.png', 'two-colours.png', 'grey16.png'],
  ...['orientation6.webp', 'xmp8.webp'],
].map((name) => golden('pictures', name));

async function checkPicture(bytes: Uint8Array): Promise<void> {
  const picture = await decodePicture(bytes, { maxPixels: 2 ** 20 });
  const { width, height, data } = picture;
  assert.ok([1, 3].includes(data.length / (width * height)), `${data.length} bytes for ${width} x ${height}`);
  transformPicture(picture, { resize: 8, crop: { height: 8, width: 8 } });
}

const onnxFiles = [
  ...exportedNetworks.map((network) => encodeOnnx(network, randomState(network, 1), { classNames: ['a'] })),
  ...['dense', 'ic_grouped', 'mobile', 'plain'].map((name) => golden('onnx', `${name}.onnx`)),
];

function onnxMutant(random: Random): Uint8Array {
  const file = random.pick(onnxFiles);
  if (random.chance(0.3)) return mutateBytes(file, random);
  const model = fromBinary(ModelProtoSchema, file);
  mutateTree(model, random);
  try {
    return toBinary(ModelProtoSchema, model);
  } catch {
    // Not every value can be written.
    return mutateBytes(file, random);
  }
}

function checkOnnx(bytes: Uint8Array): void {
  const { network, values, ...notes } = decodeOnnx(bytes);
  checkValues(network, values);
  const again = decodeOnnx(encodeOnnx(network, values, notes));
  assert.deepEqual(again.network.input, network.input);
  assert.deepEqual(again.classNames, notes.classNames);
}

const networks: readonly Network[] = [everyRole, ...smallNetworks, ...windowNetworks];

/** Everything that reads files which come from elsewhere, by the name that the command line has for it. */
export const readers: Readonly<Record<string, FuzzedReader>> = {
  safetensors: { mutant: (random) => safetensorsMutant(mixedFile, random), read: checkSafetensors },
  weights: { mutant: (random) => safetensorsMutant(weightsFile, random), read: checkWeights },
  checkpoint: {
    mutant: (random) =>
      random.chance(0.5)
        ? safetensorsMutant(checkpointFile, random)
        : checkpointOf(textOf(jsonMutant(checkpointRecord, random))),
    read: checkCheckpoint,
  },
  network: { mutant: (random) => jsonMutant(random.pick(networks), random), read: checkNetwork },
  tuning: { mutant: (random) => jsonMutant(JSON.parse(tuningText) as object, random), read: checkTuning },
  idx: { mutant: (random) => mutateBytes(random.pick(idxFiles), random), read: checkIdx },
  gzip: {
    mutant: (random) => {
      const file = random.pick(idxFiles);
      return random.chance(0.5)
        ? mutateBytes(new Uint8Array(gzipSync(file)), random)
        : new Uint8Array(gzipSync(mutateBytes(file, random)));
    },
    read: checkIdx,
  },
  cifar: {
    mutant: (random) => mutateBytes(cifarFile(random.pick([[[3], [9]], [[7, 99]]])), random),
    read: checkCifar,
  },
  picture: {
    mutant: (random) => {
      const mutant = mutateBytes(random.pick(pictureFiles), random);
      return random.chance(0.5) ? withChecksums(mutant.slice()) : mutant;
    },
    read: checkPicture,
  },
  onnx: { mutant: onnxMutant, read: checkOnnx },
};
