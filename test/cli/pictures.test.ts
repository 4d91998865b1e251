import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../../src/graph/network.js';
import { imageNetClasses } from '../../src/io/imageNetClasses.js';
import { imageNetNormalisation, pictureInput } from '../../src/io/picture.js';
import { readSafetensors, toFloat32 } from '../../src/io/safetensors.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { encodeOnnx } from '../../src/onnx/encode.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { idxFile } from '../io/files.js';
import { networkForward } from '../reference/network.js';
import { mix32 } from '../support/random.js';
import { expectClose } from '../support/tolerance.js';
import { weightsOf } from '../weights/files.js';
import { adapter, type Ended, type Installed, installCommand, objects } from './icnet.js';

const golden = fileURLToPath(new URL('../golden/pictures/', import.meta.url));
const goldenPixels = readSafetensors(
  await readFile(new URL('../golden/pictures.safetensors', import.meta.url)),
).tensors;
const crop = 16;
const input = { height: crop, width: crop, channels: 3 };
const thousand = networkByName('resnet8', { classes: 1000, input });
const three = networkByName('resnet8', { classes: 3, input });
const values = { thousand: spreadState(thousand, 1), three: spreadState(three, 2) };

/** Weights as they start, but for a head that tells its classes apart. */
function spreadState(network: Network, seed: number): Map<string, Float32Array> {
  const start = initialParameters(network, seed);
  return start.set(
    'fc.weight',
    start.get('fc.weight')!.map((value) => 10 * value),
  );
}

const fine = { code: 0, signal: null };
const common = ['--model', 'resnet8', '--crop', `${crop}`, '--adapter', adapter];
const eventsOf = ({ stdout }: Ended, event: string) => objects(stdout).filter((object) => object.event === event);

let icnet: Installed;
beforeAll(async () => {
  icnet = await installCommand();
  const at = (...path: string[]): string => join(icnet.folder, ...path);
  await writeFile(at('thousand.safetensors'), weightsOf(thousand, values.thousand, 'F16'));
  await writeFile(at('three.safetensors'), weightsOf(three, values.three));
  await mkdir(at('mixed', 'deeper'), { recursive: true });
  await copyFile(join(golden, 'rgb.png'), at('mixed', 'rgb.png'));
  await copyFile(join(golden, '420.jpg'), at('mixed', 'deeper', '420.JPG'));
  await writeFile(at('mixed', 'notes.txt'), 'no picture, and not called one');
  await writeFile(at('mixed', 'broken.jpg'), (await readFile(join(golden, '420.jpg'))).subarray(0, 1500));
});
afterAll(() => icnet.remove());

/** What the shares of the classes are in float64. */
function sharesOf(network: Network, state: ReadonlyMap<string, Float32Array>, file: string): number[] {
  const { shape, bytes } = goldenPixels.get(`pixels.${file}`)!;
  const picture = { height: shape[0]!, width: shape[1]!, data: bytes };
  const images = pictureInput(picture, { resize: 18, crop: input }, imageNetNormalisation);
  const { logits } = networkForward(network, state, images, { training: false });
  const shares = Array.from(logits, Math.exp);
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}

interface Answer {
  class: number;
  name: string;
  id?: string;
  probability: number;
}

describe('icnet predict', () => {
  it('names the likeliest of the classes of ImageNet with their shares', async () => {
    const ended = await icnet.run(['predict', 'mixed', '--weights', 'thousand.safetensors', '--json', ...common]);
    const predictions = eventsOf(ended, 'prediction');
    expect(predictions.map(({ picture }) => picture)).toEqual([
      join('mixed', 'deeper', '420.JPG'),
      join('mixed', 'rgb.png'),
    ]);
    const half = new Map(
      Array.from(readSafetensors(await readFile(join(icnet.folder, 'thousand.safetensors'))).tensors),
    );
    expect(half.get('fc.weight')!.dtype).toBe('F16');
    for (const [index, file] of ['420.jpg', 'rgb.png'].entries()) {
      const shares = sharesOf(thousand, values.thousand, file);
      const top = predictions[index]!.top as Answer[];
      expect(top.length).toBe(5);
      // The weights are rounded to halves, which moves shares by some per mille and may swap near ones.
      const largest = Math.max(...shares);
      expect(largest).toBeLessThan(0.9);
      expect(shares[top[0]!.class]! / largest).toBeGreaterThan(0.98);
      for (const { class: label, name, id, probability } of top) {
        expect({ id, name }).toEqual(imageNetClasses()[label]);
        expect(Math.abs(probability / shares[label]! - 1), `${file}, ${name}`).toBeLessThan(0.02);
      }
      for (let rank = 1; rank < 5; rank++) {
        expect(top[rank]!.probability).toBeLessThanOrEqual(top[rank - 1]!.probability);
      }
    }
    // The broken one is named and counted, and the rest is done all the same.
    expect(ended.code).toBe(1);
    expect(eventsOf(ended, 'skipped')).toEqual([
      { event: 'skipped', picture: join('mixed', 'broken.jpg'), reason: expect.stringContaining('broken.jpg') },
    ]);
    expect(eventsOf(ended, 'done')).toMatchObject([{ pictures: 2, skipped: 1 }]);
    expect(ended.stderr.match(/Skipped/g)).toHaveLength(1);
  });

  it('gives exact weights exact shares, under names from a file, batch by batch', async () => {
    const files = ['rgb.png', 'tall.png', '420.jpg', 'grey.png', 'cmyk.jpg'];
    await writeFile(join(icnet.folder, 'names.txt'), 'one\ntwo, too\nthree\n');
    const paths = files.map((file) => join(golden, file));
    const ended = await icnet.run([
      'predict',
      ...paths,
      '--weights',
      'three.safetensors',
      '--names',
      'names.txt',
      '--batch',
      '2',
      '--json',
      ...common,
    ]);
    expect(ended).toMatchObject(fine);
    const predictions = eventsOf(ended, 'prediction');
    expect(predictions.map(({ picture }) => picture)).toEqual(paths);
    for (const [index, file] of files.entries()) {
      const shares = sharesOf(three, values.three, file);
      expect(Math.max(...shares)).toBeLessThan(0.999);
      const top = predictions[index]!.top as Answer[];
      expect(top.map(({ class: label }) => label).toSorted()).toEqual([0, 1, 2]);
      for (const { class: label, name, probability } of top) {
        expect(name).toBe(['one', 'two, too', 'three'][label]);
        expect(Math.abs(probability - shares[label]!), `${file}, ${name}`).toBeLessThan(1e-4);
      }
    }
  });

  it('gives the outputs of layers, as lines and in a file', async () => {
    const paths = ['rgb.png', '420.jpg', 'grey.png'].map((file) => join(golden, file));
    const named = ['--output', 'layer2.0.relu2', '--output', 'avgpool'];
    const command = ['predict', ...paths, '--weights', 'three.safetensors', '--batch', '2', ...named, ...common];
    const ended = await icnet.run([...command, '--json']);
    expect(ended).toMatchObject(fine);
    const outputs = eventsOf(ended, 'output') as {
      picture: string;
      layer: string;
      shape: number[];
      values: number[];
    }[];
    const layers = ['layer2.0.relu2', 'avgpool'];
    expect(outputs.map(({ picture, layer }) => [picture, layer])).toEqual(
      paths.flatMap((path) => layers.map((layer) => [path, layer])),
    );
    const { shape, bytes } = goldenPixels.get('pixels.rgb.png')!;
    const picture = { height: shape[0]!, width: shape[1]!, data: bytes };
    const images = pictureInput(picture, { resize: 18, crop: input }, imageNetNormalisation);
    const { activations } = networkForward(three, values.three, images, { training: false });
    for (const { layer, shape, values } of outputs.slice(0, 2)) {
      const { data, shape: exact } = activations.get(layer)!;
      expect(shape).toEqual(exact.slice(1));
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(values.length).toBe(data.length);
      expectClose(values, data, 1e-4 * largest, layer);
    }
    const saved = await icnet.run([...command, '--save', 'features.safetensors', '--json']);
    expect(saved).toMatchObject(fine);
    expect(eventsOf(saved, 'output')).toEqual([]);
    expect(eventsOf(saved, 'saved')).toEqual([{ event: 'saved', file: 'features.safetensors', layers, pictures: 3 }]);
    const file = readSafetensors(await readFile(join(icnet.folder, 'features.safetensors')));
    expect(JSON.parse(file.metadata.pictures!)).toEqual(paths);
    for (const layer of layers) {
      const own = outputs.filter((one) => one.layer === layer);
      expect(file.tensors.get(layer)!.shape).toEqual([3, ...own[0]!.shape]);
      expect([...toFloat32(file.tensors.get(layer)!)]).toEqual(own.flatMap((one) => one.values));
    }
    const shown = await icnet.run(command);
    expect(shown.stdout).toMatch(/^ {2}avgpool {2}1 x 1 x 64 {2}\S+ to \S+, mean \S+$/m);
  });

  it('gives a network that ends in a softmax the shares that its logits have', async () => {
    const softmax = { kind: 'softmax', name: 'probabilities', inputs: ['fc'] } as const;
    const ending: Network = { ...three, layers: [...three.layers, softmax] };
    await writeFile(join(icnet.folder, 'ending.onnx'), encodeOnnx(ending, values.three));
    expect(await icnet.run(['convert', 'ending.onnx', '--to', 'safetensors'])).toMatchObject(fine);
    const command = ['predict', join(golden, 'rgb.png'), '--weights', 'ending.safetensors', '--json'];
    const ended = await icnet.run([...command, '--resize', '18', '--adapter', adapter]);
    expect(ended).toMatchObject(fine);
    const shares = sharesOf(three, values.three, 'rgb.png');
    const [{ top }] = eventsOf(ended, 'prediction') as [{ top: Answer[] }];
    for (const { class: label, probability } of top) expect(Math.abs(probability - shares[label]!)).toBeLessThan(1e-4);
    const refused = await icnet.run([...command, '--output', 'probabilities', '--adapter', adapter]);
    expect(refused.stderr).toContain('names of layers of');
  });

  it('refuses layers that there are not, and to save none', async () => {
    const command = ['predict', join(golden, 'rgb.png'), '--weights', 'three.safetensors', ...common];
    const unknown = await icnet.run([...command, '--output', 'layer2.0.rely2']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('names of layers of resnet8 (did you mean layer2.0.relu2?), got layer2.0.rely2');
    const none = await icnet.run([...command, '--save', 'features.safetensors']);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('--save: expected the layers to save, each with --output, got none');
  });

  it('shows people a table', async () => {
    const ended = await icnet.run([
      'predict',
      join(golden, 'rgb.png'),
      '--weights',
      'three.safetensors',
      '--top',
      '2',
      ...common,
    ]);
    expect(ended).toMatchObject({ ...fine, stderr: '' });
    expect(ended.stdout).toMatch(/rgb\.png\n +\d+\.\d\d % {2}class [012]\n +\d+\.\d\d % {2}class [012]\n$/);
  });

  it.each([
    [['--weights', 'three.safetensors', '--adapter', adapter], '--model'],
    [['--weights', 'none.safetensors', ...common], 'none.safetensors'],
    [
      ['--weights', 'three.safetensors', '--model', 'resnet20', '--adapter', adapter],
      'missing: layer1.1.conv1.weight, ',
    ],
    [['--weights', 'three.safetensors', '--names', 'mixed/notes.txt', ...common], '3 names'],
    [['--weights', 'three.safetensors', '--mean', '0.5', ...common], '--deviation'],
    [['--weights', 'mixed/notes.txt', ...common], 'mixed/notes.txt'],
  ])('refuses %j in a line', async (args, words) => {
    const ended = await icnet.run(['predict', join(golden, 'rgb.png'), ...args]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^icnet: .+\n$/);
    expect(ended.stderr).toContain(words);
  });

  it('knows published networks by their weights, and says where they are of another one', async () => {
    const network = networkByName('resnet18');
    await writeFile(
      join(icnet.folder, 'published.safetensors'),
      weightsOf(network, initialParameters(network, 1), 'BF16'),
    );
    const picture = join(golden, 'rgb.png');
    const run = ['predict', picture, '--weights', 'published.safetensors', '--crop', '32', '--adapter', adapter];
    const ended = await icnet.run(run);
    expect(ended).toMatchObject({ ...fine, stderr: '' });
    expect(ended.stdout).toContain('Network: resnet18');
    expect(ended.stdout).toMatch(/Loading 24\/24 MB\n/);
    const refused = await icnet.run([...run, '--model', 'resnet34']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^icnet: .*the state of resnet34, got that of resnet18\n$/);
  });

  it('refuses a folder without pictures, and skips a picture that is not there', async () => {
    await mkdir(join(icnet.folder, 'bare'), { recursive: true });
    const weights = ['--weights', 'three.safetensors', ...common];
    const bare = await icnet.run(['predict', 'bare', ...weights]);
    expect(bare).toMatchObject({ code: 1, stdout: '' });
    expect(bare.stderr).toContain('bare');
    const ended = await icnet.run(['predict', 'absent.jpg', join(golden, 'rgb.png'), ...weights, '--json']);
    expect(ended.code).toBe(1);
    expect(eventsOf(ended, 'skipped')).toMatchObject([{ picture: 'absent.jpg' }]);
    expect(eventsOf(ended, 'prediction').length).toBe(1);
  });

  it('says what to install where sharp is not', async () => {
    const link = join(icnet.folder, 'node_modules', 'sharp');
    await rename(link, `${link}-away`);
    const ended = await icnet.run(['predict', 'mixed', '--weights', 'three.safetensors', ...common]);
    await rename(`${link}-away`, link);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toContain('npm install sharp');
  });
});

/** A picture of stripes that lie, stand or slope, with noise of its own, as PNG. */
async function stripedPicture(label: number, seed: number, side = 20): Promise<Buffer> {
  const data = new Uint8Array(side * side * 3).map((_, index) => {
    const [y, x] = [Math.floor(index / 3 / side), Math.floor(index / 3) % side];
    const across = [y, x, x + y][label]!;
    return (across % 8 < 4 ? 150 : 0) + (mix32(index, seed) % 100);
  });
  return sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

/** A folder with `count` pictures for each of these class folders; label i for folder i. */
async function writeClasses(path: string, names: readonly string[], count: number): Promise<void> {
  for (const [label, name] of names.entries()) {
    for (let index = 0; index < count; index++) {
      const file = join(icnet.folder, path, name, `${index}.png`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, await stripedPicture(label, 1000 * label + index));
    }
  }
}

describe('pictures as data', () => {
  const names = ['lying', 'sloping', 'standing'];

  it('evaluate weights, one folder a class, with broken ones named', async () => {
    await writeClasses('numbers/val', ['0', '1', '2'], 5);
    await writeFile(join(icnet.folder, 'numbers/val/1/broken.png'), (await stripedPicture(1, 0)).subarray(0, 400));
    const ended = await icnet.run([
      'eval',
      'three.safetensors',
      '--data',
      'numbers',
      '--batch',
      '4',
      '--json',
      ...common,
    ]);
    expect(ended.code).toBe(1);
    expect(eventsOf(ended, 'skipped')).toMatchObject([{ picture: join('numbers', 'val', '1', 'broken.png') }]);
    const [result] = eventsOf(ended, 'eval') as Record<string, number>[];
    let right = 0;
    let loss = 0;
    for (let label = 0; label < 3; label++) {
      for (let index = 0; index < 5; index++) {
        const { data, info } = await sharp(await stripedPicture(label, 1000 * label + index))
          .raw()
          .toBuffer({ resolveWithObject: true });
        const images = pictureInput({ ...info, data }, { resize: 18, crop: input }, imageNetNormalisation);
        const { logits } = networkForward(three, values.three, images, { training: false });
        const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
        loss += Math.log(sum) - logits[label]!;
        if (logits.every((logit) => logit <= logits[label]!)) right++;
      }
    }
    expect(result).toMatchObject({ images: 15, skipped: 1, top: 3, topAccuracy: 1 });
    expect(result!.accuracy).toBeCloseTo(right / 15, 5);
    expect(result!.loss! / (loss / 15)).toBeCloseTo(1, 3);
    expect(result!.imagesPerSecond).toBeGreaterThan(0);
  });

  it('are right within the first five, folders having the numbers of WordNet', async () => {
    const ranked = sharesOf(thousand, values.thousand, 'rgb.png')
      .map((share, label) => ({ share, label }))
      .toSorted((a, b) => b.share - a.share);
    // One is right at once, one within five; ranks between which shares differ by more than what halves round off.
    for (const { label } of [ranked[0]!, ranked[2]!, ranked[20]!, ranked[500]!]) {
      const path = join(icnet.folder, 'ranked', imageNetClasses()[label]!.id);
      await mkdir(path, { recursive: true });
      await copyFile(join(golden, 'rgb.png'), join(path, 'rgb.png'));
    }
    const ended = await icnet.run(['eval', 'thousand.safetensors', '--data', 'ranked', '--json', ...common]);
    expect(ended).toMatchObject(fine);
    expect(eventsOf(ended, 'eval')).toMatchObject([
      { images: 4, skipped: 0, top: 5, accuracy: 0.25, topAccuracy: 0.5 },
    ]);
    expect(ended.stderr).toMatch(/50\.00 % within the first 5/);
  });

  it('are refused in a line where none can be read', async () => {
    const folder = join(icnet.folder, 'broken/0');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'broken.png'), (await stripedPicture(1, 0)).subarray(0, 400));
    const ended = await icnet.run(['eval', 'three.safetensors', '--data', 'broken', ...common]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/^Skipped: .*broken\.png.*\n$/);
    expect(ended.stderr).toMatch(/^icnet: eval: broken: expected pictures that can be read, got none of 1\n$/);
  });

  it('are refused in a line where they have more pixels, and other files more bytes, than is asked for', async () => {
    await writeClasses('large', names, 2);
    const train = ['train', '--network', 'resnet8', '--input', '16x16x3', '--adapter', adapter];
    for (const command of [
      ['predict', 'large', '--weights', 'three.safetensors', ...common],
      ['eval', 'three.safetensors', '--data', 'large', ...common],
      [...train, '--data', 'large'],
    ]) {
      const ended = await icnet.run([...command, '--max-pixels', '9']);
      expect(ended.code).toBe(1);
      expect(ended.stdout).toMatch(/^Skipped: .*or more by maxPixels \(--max-pixels\)/m);
      expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    }
    await mkdir(join(icnet.folder, 'idx'));
    await writeFile(join(icnet.folder, 'idx', 'images'), idxFile([4, 2, 2], new Uint8Array(16)));
    await writeFile(join(icnet.folder, 'idx', 'labels'), idxFile([4], Uint8Array.of(0, 0, 1, 1)));
    for (const command of [['eval', 'three.safetensors', ...common], train]) {
      const ended = await icnet.run([...command, '--data', 'idx', '--max-bytes', '9']);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/^icnet: .*at most 9 bytes, or more by maxBytes \(--max-bytes\), got \d+\n$/);
    }
  });

  it('are not taken for classes that they do not name', async () => {
    await writeClasses('two', ['cat', 'dog'], 1);
    const ended = await icnet.run(['eval', 'three.safetensors', '--data', 'two', ...common]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^icnet: .*the 3 classes of resnet8.*2 folders, of which cat.*\n$/);
  });

  it('train a network, whose checkpoint knows the classes', async () => {
    await writeClasses('stripes/train', names, 12);
    await writeClasses('stripes/val', names, 4);
    const train = ['train', '--data', 'stripes', '--network', 'ic-resnet8', '--width', '4', '--input', '16x16x3'];
    const ended = await icnet.run([
      ...train,
      '--steps',
      '8',
      '--batch',
      '12',
      '--output',
      'striped',
      '--adapter',
      adapter,
      '--json',
    ]);
    expect(ended).toMatchObject(fine);
    const path = join('striped', 'checkpoint.safetensors');
    const checkpoint = decodeCheckpoint(await readFile(join(icnet.folder, path)));
    expect(checkpoint.classNames).toEqual(names);
    expect(checkpoint.network.input).toEqual(input);
    const [tested] = eventsOf(ended, 'eval') as Record<string, number>[];
    expect(tested).toMatchObject({ images: 12 });

    const again = await icnet.run(['eval', path, '--data', 'stripes', '--json', '--adapter', adapter]);
    expect(again).toMatchObject(fine);
    const larger = await icnet.run(['eval', path, '--data', 'stripes', '--crop', '20', '--adapter', adapter]);
    expect(larger.stderr).toMatch(/^icnet: openModel: --crop: expected 16 x 16, the input of ic-resnet8; .*, got 20$/m);
    await writeClasses('others/train', ['cat', 'dog', 'newt'], 2);
    await writeClasses('others/val', ['cat', 'dog', 'newt'], 1);
    const student = ['distill', '--teacher', path, '--student', 'ic-resnet8', '--data', 'others', '--adapter', adapter];
    expect((await icnet.run(student)).stderr).toMatch(
      /^icnet: loadData: .*with lying as class 0 of 3, got cat as class 0 of 3$/m,
    );
    const [evaluated] = eventsOf(again, 'eval') as Record<string, number>[];
    expect(evaluated).toMatchObject({ images: 12, accuracy: tested!.accuracy });
    expect(evaluated!.loss).toBeCloseTo(tested!.loss!, 4);

    const picture = join('stripes', 'val', 'lying', '0.png');
    const predicted = await icnet.run(['predict', picture, '--weights', path, '--json', '--adapter', adapter]);
    expect(predicted).toMatchObject(fine);
    const top = eventsOf(predicted, 'prediction')[0]!.top as Answer[];
    expect(top.map(({ name }) => name).toSorted()).toEqual(names);

    // Folders in another order, or some of them, are known by their names.
    await writeClasses('some', ['standing'], 2);
    const some = await icnet.run(['eval', path, '--data', 'some', '--json', '--adapter', adapter]);
    expect(some).toMatchObject(fine);
    expect(eventsOf(some, 'eval')).toMatchObject([{ images: 2 }]);
  });

  it('set every tenth apart where nothing else is', async () => {
    await writeClasses('flat', names, 10);
    const train = ['train', '--data', 'flat', '--network', 'resnet8', '--width', '4', '--input', '16x16x1'];
    const ended = await icnet.run([
      ...train,
      '--steps',
      '1',
      '--batch',
      '9',
      '--output',
      'flat-run',
      '--adapter',
      adapter,
      '--json',
    ]);
    expect(ended).toMatchObject(fine);
    expect(ended.stderr).toContain('every 10th picture');
    expect(eventsOf(ended, 'eval')).toMatchObject([{ images: 3 }]);
  });

  it('train on from weights of the plain network with other classes, when told to', async () => {
    await writeClasses('stripes/train', names, 12);
    await writeClasses('stripes/val', names, 4);
    const train = ['train', '--data', 'stripes', '--network', 'ic-resnet8', '--input', '16x16x3', '--steps', '1'];
    const weights = ['--weights', 'thousand.safetensors', '--batch', '12', '--output', 'tuned', '--adapter', adapter];
    const refused = await icnet.run([...train, ...weights]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('fc.weight ([1000,64] instead of [3,64])');
    expect(refused.stderr).toContain('missing: layer1.0.conv1.adjust');
    const ended = await icnet.run([
      ...train,
      ...weights,
      '--replace-head',
      '--fresh-adjust',
      '--learning-rate',
      '0',
      '--json',
    ]);
    expect(ended).toMatchObject(fine);
    const { values: trained } = decodeCheckpoint(await readFile(join(icnet.folder, 'tuned', 'checkpoint.safetensors')));
    const original = values.thousand.get('layer2.0.conv1.weight')!;
    for (const [index, value] of trained.get('layer2.0.conv1.weight')!.entries()) {
      expect(Math.abs(value - original[index]!)).toBeLessThan(2 ** -11);
    }
  });
});
