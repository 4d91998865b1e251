import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FormatError, LimitError, ShapeError } from '../../src/errors.js';
import { FileError } from '../../src/io/fileError.js';
import { loadImageFolder, loadMnist } from '../../src/io/folder.js';
import { cifarFile, idxFile } from './files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(files: Record<string, Uint8Array>, under = ''): Promise<void> {
  await mkdir(join(folder, under), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, under, name), bytes);
}

const trainImages = idxFile(
  [3, 2, 2],
  Uint8Array.from({ length: 12 }, (_, index) => index),
);
const trainLabels = idxFile([3], Uint8Array.of(0, 6, 2));
const testImages = idxFile([1, 2, 2], Uint8Array.of(9, 8, 7, 6));
const testLabels = idxFile([1], Uint8Array.of(4));
const idxFiles = {
  'train-images-idx3-ubyte': trainImages,
  'train-labels-idx1-ubyte': trainLabels,
  't10k-images-idx3-ubyte': testImages,
  't10k-labels-idx1-ubyte': testLabels,
};
const cifar10Files = {
  ...Object.fromEntries([1, 2, 3, 4, 5].map((part) => [`data_batch_${part}.bin`, cifarFile([[part]])])),
  'test_batch.bin': cifarFile([[0], [9]]),
};

describe('loadImageFolder', () => {
  it('loads IDX files, plain, gzip and dotted', async () => {
    const expected = { count: 3, height: 2, width: 2, channels: 1, classes: 7 };
    await write(idxFiles);
    const { train, test } = await loadImageFolder(folder);
    expect(train).toMatchObject({ ...expected, name: basename(folder) });
    expect(train.labels).toEqual(Uint8Array.of(0, 6, 2));
    expect(test).toMatchObject({ ...expected, count: 1, images: Uint8Array.of(9, 8, 7, 6) });
  });

  it('loads gzip and dotted IDX names', async () => {
    await write({
      'train-images-idx3-ubyte.gz': gzipSync(trainImages),
      'train-labels.idx1-ubyte': trainLabels,
      't10k-images.idx3-ubyte.gz': gzipSync(testImages),
      't10k-labels-idx1-ubyte': testLabels,
    });
    const { train, test } = await loadImageFolder(folder);
    expect(train.images.length).toBe(12);
    expect(test.labels).toEqual(Uint8Array.of(4));
  });

  it('loads CIFAR-10 from a folder in the folder', async () => {
    await write({ 'notes.txt': new Uint8Array(3) }, 'a');
    await write(cifar10Files, 'cifar-10-batches-bin');
    const { train, test } = await loadImageFolder(folder);
    expect(train).toMatchObject({ name: 'CIFAR-10', count: 5, classes: 10, labels: Uint8Array.of(1, 2, 3, 4, 5) });
    expect(test.labels).toEqual(Uint8Array.of(0, 9));
  });

  it('loads CIFAR-100', async () => {
    await write({ 'train.bin': cifarFile([[1, 77]]), 'test.bin': cifarFile([[2, 99]]) });
    const { train, test } = await loadImageFolder(folder);
    expect(train).toMatchObject({ name: 'CIFAR-100', classes: 100, labels: Uint8Array.of(77) });
    expect(test.labels).toEqual(Uint8Array.of(99));
  });

  it('loads IDX files whatever they are called, the smaller pair to test with', async () => {
    await write({ 'a.dat': trainImages, b: gzipSync(trainLabels), 'c.idx': testImages, 'd.bin': testLabels });
    await write({ 'notes.txt': new Uint8Array(9), '._a.dat': trainImages, 'cat.jpg': trainImages });
    const notes: string[] = [];
    const { train, test } = await loadImageFolder(folder, { onNote: (note) => notes.push(note) });
    expect([train.labels, test.labels]).toEqual([Uint8Array.of(0, 6, 2), Uint8Array.of(4)]);
    expect(notes).toEqual(['The smaller pair of files is to test with: c.idx, d.bin']);
  });

  it('looks at many other files, and at links to nowhere, without harm', async () => {
    await write(idxFiles);
    await symlink(join(folder, 'nowhere'), join(folder, 'link'));
    const many = Array.from({ length: 1500 }, (_, index) => [`${index}.txt`, new Uint8Array(3)] as const);
    await write(Object.fromEntries(many));
    expect((await loadImageFolder(folder)).train.count).toBe(3);
  });

  it('takes a file once that is there under several names', async () => {
    await write(idxFiles);
    await write({ 'train-images.idx3-ubyte': trainImages, 't10k-labels-idx1-ubyte.gz': gzipSync(testLabels) });
    const { train, test } = await loadImageFolder(folder);
    expect([train.count, test.count]).toEqual([3, 1]);
  });

  it('holds out some of each class where there is nothing to test with, and says so', async () => {
    const labels = [0, 0, 0, 1, 2, 2, ...Array<number>(20).fill(3)];
    const images = Uint8Array.from({ length: labels.length * 4 }, (_, index) => Math.floor(index / 4));
    await write({
      one: idxFile([labels.length, 2, 2], images),
      two: idxFile([labels.length], Uint8Array.from(labels)),
    });
    const notes: string[] = [];
    const { train, test } = await loadImageFolder(folder, { onNote: (note) => notes.push(note) });
    expect([...test.labels]).toEqual([0, 2, 3, 3]);
    expect([...test.images].filter((_, index) => index % 4 === 0)).toEqual([2, 5, 15, 25]);
    expect(train.count).toBe(labels.length - 4);
    expect(train.images.length).toBe(train.count * 4);
    expect(train).toMatchObject({ classes: 4, name: basename(folder) });
    expect(notes).toEqual([
      `${basename(folder)} has nothing to test with: every 10th picture of a class is for testing, and one at least of two or more`,
    ]);
  });

  it('refuses to hold out of single images', async () => {
    await write({ one: testImages, two: testLabels });
    await expect(loadImageFolder(folder)).rejects.toThrow(ShapeError);
    await expect(loadImageFolder(folder)).rejects.toThrow('two pictures or more of a class');
  });

  it.each(Object.keys(idxFiles))('says what is there where %s is missing', async (name) => {
    await write(idxFiles);
    await rm(join(folder, name));
    await expect(loadImageFolder(folder)).rejects.toThrow(FormatError);
    const half = name.startsWith('train') ? 'train' : 'test';
    const there = name.replace('images-idx3', '*').replace('labels-idx1', 'images-idx3').replace('*', 'labels-idx1');
    await expect(loadImageFolder(folder)).rejects.toThrow(
      new RegExp(`expected an IDX file of images and one of labels to ${half} with.*, got ${there}$`),
    );
  });

  it('refuses several data sets in one folder, and halves of two sizes', async () => {
    await write({ ...idxFiles, 'letters-images': trainImages, 'letters-labels': trainLabels });
    await expect(loadImageFolder(folder)).rejects.toThrow(
      'got letters-images, letters-labels, train-images-idx3-ubyte',
    );
    await rm(join(folder, 'letters-images'));
    await rm(join(folder, 'letters-labels'));
    await write({ 't10k-images-idx3-ubyte': idxFile([1, 4, 1], Uint8Array.of(9, 8, 7, 6)) });
    await expect(loadImageFolder(folder)).rejects.toThrow('expected 2 × 2, as those to train with are, got 1 × 4');
  });

  it('loads some of the batches of CIFAR-10, and says which', async () => {
    const {
      'data_batch_2.bin': second,
      'data_batch_4.bin': fourth,
      'test_batch.bin': last,
    } = cifar10Files as Record<string, Uint8Array>;
    await write({ 'data_batch_2.bin': second!, 'data_batch_4.bin': fourth!, 'test_batch.bin': last! });
    const notes: string[] = [];
    const { train, test } = await loadImageFolder(folder, { onNote: (note) => notes.push(note) });
    expect([train.labels, test.labels]).toEqual([Uint8Array.of(2, 4), Uint8Array.of(0, 9)]);
    expect(notes).toEqual(['Only data_batch_2.bin, data_batch_4.bin of five batches']);
  });

  it('holds out of the batches of CIFAR-10 and CIFAR-100 where the test batch is missing', async () => {
    await write({ 'data_batch_1.bin': cifarFile([[1], [1], [5]]) }, 'ten');
    await write(
      {
        'train.bin': cifarFile([
          [1, 77],
          [2, 77],
        ]),
      },
      'hundred',
    );
    for (const [kind, labels] of [
      ['ten', [1]],
      ['hundred', [77]],
    ] as const) {
      const notes: string[] = [];
      const { test } = await loadImageFolder(join(folder, kind), { onNote: (note) => notes.push(note) });
      expect([...test.labels]).toEqual(labels);
      expect(notes.at(-1)).toContain('nothing to test with');
    }
    await write({ 'test_batch.bin': cifarFile([[1]]) }, 'alone');
    await expect(loadImageFolder(join(folder, 'alone'))).rejects.toThrow('expected binaries to train with beside it');
  });

  it('says what else lies in the folder', async () => {
    await write({ data_batch_1: new Uint8Array(9) }, 'python');
    await expect(loadImageFolder(join(folder, 'python'))).rejects.toThrow("got CIFAR-10's Python version");
    await write({ 'mnist.zip': new Uint8Array(9) }, 'packed');
    await expect(loadImageFolder(join(folder, 'packed'))).rejects.toThrow('got mnist.zip, which is not unpacked here');
  });

  it('names the file that is cut short', async () => {
    await write({ ...idxFiles, 't10k-images-idx3-ubyte': testImages.subarray(0, 17) });
    await expect(loadImageFolder(folder)).rejects.toThrow(FormatError);
    await expect(loadImageFolder(folder)).rejects.toThrow(join(folder, 't10k-images-idx3-ubyte'));
    await write({ ...cifar10Files, 'data_batch_3.bin': cifarFile([[1]]).subarray(1) }, 'inner');
    await expect(loadImageFolder(join(folder, 'inner'))).rejects.toThrow(join(folder, 'inner', 'data_batch_3.bin'));
  });

  it('refuses files that have, or expand to, more bytes than it may read', async () => {
    await write(idxFiles);
    const largest = Math.max(...Object.values(idxFiles).map((file) => file.length));
    expect((await loadImageFolder(folder, { maxBytes: largest })).train.count).toBeGreaterThan(0);
    await expect(loadImageFolder(folder, { maxBytes: largest - 1 })).rejects.toThrow(LimitError);
    await expect(loadImageFolder(folder, { maxBytes: largest - 1 })).rejects.toThrow(/maxBytes \(--max-bytes\), got/);
  });

  it('refuses images and labels of different counts', async () => {
    await write({ ...idxFiles, 'train-labels-idx1-ubyte': testLabels });
    await expect(loadImageFolder(folder)).rejects.toThrow(ShapeError);
  });

  it('says what it looks for where there is nothing', async () => {
    await expect(loadImageFolder(folder)).rejects.toThrow(
      `${folder}: expected IDX files (train-images-idx3-ubyte, ...), CIFAR binaries (data_batch_1.bin, train.bin, ...) or pictures`,
    );
    const absent = join(folder, 'absent');
    await expect(loadImageFolder(absent)).rejects.toThrow(FileError);
    await expect(loadImageFolder(absent)).rejects.toThrow(
      `${absent}: expected a folder that can be read, got nothing of that name`,
    );
  });
});

describe('loadMnist', () => {
  it('loads the digits', async () => {
    const { train, test } = await loadMnist();
    expect(train).toMatchObject({ name: 'MNIST', count: 60000, height: 28, width: 28, channels: 1, classes: 10 });
    expect(test.count).toBe(10000);
    expect([...train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
  });
});
