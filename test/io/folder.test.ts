import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FormatError, LimitError, ShapeError } from '../../src/errors.js';
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

  it.each(Object.keys(idxFiles))('says that %s is missing', async (name) => {
    await write(idxFiles);
    await rm(join(folder, name));
    await expect(loadImageFolder(folder)).rejects.toThrow(FormatError);
    await expect(loadImageFolder(folder)).rejects.toThrow(`${join(folder, name)}: expected ${name} or ${name}.gz or`);
  });

  it.each(Object.keys(cifar10Files))('says that %s is missing', async (name) => {
    await write(cifar10Files);
    await rm(join(folder, name));
    await expect(loadImageFolder(folder)).rejects.toThrow(`${join(folder, name)}: expected ${name}, got no such file`);
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
      `${folder}: expected a data set's files (train-images-idx3-ubyte, data_batch_1.bin, train.bin or their like)`,
    );
    const absent = join(folder, 'absent');
    await expect(loadImageFolder(absent)).rejects.toThrow(FormatError);
    await expect(loadImageFolder(absent)).rejects.toThrow(`${absent}: expected a folder that can be read`);
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
