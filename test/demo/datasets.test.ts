import { describe, expect, it } from 'vitest';
import type { PlacedFile } from '../../src/demo/protocol.js';
import { loadData } from '../../src/demo/worker/datasets.js';
import { FormatError } from '../../src/errors.js';

function placed(path: string, bytes: Uint8Array<ArrayBuffer>): PlacedFile {
  return { path, file: new File([bytes], path.split('/').at(-1)!) };
}

/** An IDX file of bytes that count up. */
function idx(...shape: number[]): Uint8Array<ArrayBuffer> {
  const size = shape.reduce((product, length) => product * length, 1);
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, 0x0800 + shape.length);
  shape.forEach((length, axis) => {
    header.setUint32(4 + 4 * axis, length);
  });
  const values = Uint8Array.from({ length: size }, (_, index) => (shape.length === 1 ? index % 3 : index % 251));
  return Uint8Array.from([...new Uint8Array(header.buffer), ...values]);
}

function cifar(records: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: records * 3073 }, (_, index) => (index % 3073 === 0 ? 7 : index % 256));
}

describe('Data sets of dropped files', () => {
  it('takes IDX files with and without a folder, train and test', async () => {
    const data = await loadData({
      kind: 'files',
      files: [
        placed('mnist/train-images-idx3-ubyte', idx(9, 4, 5)),
        placed('mnist/train-labels-idx1-ubyte', idx(9)),
        placed('t10k-images-idx3-ubyte', idx(6, 4, 5)),
        placed('t10k-labels-idx1-ubyte', idx(6)),
      ],
    });
    expect(data.train).toMatchObject({ count: 9, height: 4, width: 5, channels: 1, classes: 3 });
    expect(data.test.count).toBe(6);
    expect(data.classes).toEqual(['0', '1', '2']);
  });

  it('refuses test labels that the network has no class for', async () => {
    const more = idx(9);
    more[more.length - 1] = 3;
    const files = [
      placed('train-images-idx3-ubyte', idx(9, 4, 5)),
      placed('train-labels-idx1-ubyte', idx(9)),
      placed('t10k-images-idx3-ubyte', idx(9, 4, 5)),
      placed('t10k-labels-idx1-ubyte', more),
    ];
    await expect(loadData({ kind: 'files', files })).rejects.toThrow(/labels below 3, got 3 for image 8/);
  });

  it('refuses test pictures of another size than those to learn from, with both sizes', async () => {
    const files = [
      placed('train-images-idx3-ubyte', idx(9, 4, 5)),
      placed('train-labels-idx1-ubyte', idx(9)),
      placed('t10k-images-idx3-ubyte', idx(6, 5, 4)),
      placed('t10k-labels-idx1-ubyte', idx(6)),
    ];
    await expect(loadData({ kind: 'files', files })).rejects.toThrow(/test pictures: expected 5 × 4,.* got 4 × 5$/);
    const colour = files.with(2, placed('t10k-images-idx4-ubyte', idx(6, 4, 5, 3)));
    await expect(loadData({ kind: 'files', files: colour })).rejects.toThrow(/got 5 × 4 of 3 channels$/);
  });

  it('keeps a tenth of each class for testing where there are no test files, whatever they are called, and says so', async () => {
    const files = [placed('some/a.dat', idx(60, 3, 3)), placed('some/b.dat', idx(60))];
    const { train, test, notes } = await loadData({ kind: 'files', files });
    expect([train.count, [...test.labels]]).toEqual([54, [0, 1, 2, 0, 1, 2]]);
    expect(notes).toEqual([expect.stringContaining('every 10th picture of a class')]);
  });

  it('takes CIFAR-10 binaries, with the names of its classes', async () => {
    const files = [placed('cifar/data_batch_1.bin', cifar(3)), placed('cifar/test_batch.bin', cifar(2))];
    const { train, test, classes } = await loadData({ kind: 'files', files });
    expect([train.count, test.count, train.channels]).toEqual([3, 2, 3]);
    expect(classes[train.labels[0]!]).toBe('horse');
  });

  it('takes some of the batches of CIFAR-10, and says what a record has', async () => {
    const files = [placed('data_batch_3.bin', cifar(30))];
    const { train, test, notes } = await loadData({ kind: 'files', files });
    expect([train.count, test.count]).toEqual([27, 3]);
    expect(notes).toEqual(['Only data_batch_3.bin of five batches', expect.stringContaining('nothing to test with')]);
    const cut = [placed('data_batch_3.bin', cifar(2).subarray(1) as Uint8Array<ArrayBuffer>)];
    await expect(loadData({ kind: 'files', files: cut })).rejects.toThrow(
      /3073 bytes.*CIFAR-10 \(3074 for CIFAR-100\)/,
    );
  });

  it('refuses images without labels and files of no kind, by name', async () => {
    const images = [placed('train-images-idx3-ubyte', idx(9, 4, 5))];
    await expect(loadData({ kind: 'files', files: images })).rejects.toThrow(/one of labels/);
    const others = loadData({ kind: 'files', files: [placed('notes.txt', new Uint8Array(3))] });
    await expect(others).rejects.toThrow(FormatError);
    await expect(others).rejects.toThrow(/no pictures/);
  });
});
