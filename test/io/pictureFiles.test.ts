import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError, LimitError } from '../../src/errors.js';
import { allowance } from '../../src/io/allowance.js';
import { inOrder } from '../../src/io/inOrder.js';
import { loadPictureDataset } from '../../src/io/pictureDataset.js';
import { findPictureFolders, findPictures, findSplit, isPictureName } from '../../src/io/pictureFiles.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pictures-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(path: string, bytes: Uint8Array | string = ''): Promise<string> {
  const whole = join(folder, path);
  await mkdir(dirname(whole), { recursive: true });
  await writeFile(whole, bytes);
  return whole;
}

/** A picture of one colour. */
function plain(red: number, green: number, blue: number): Promise<Buffer> {
  return sharp({ create: { width: 6, height: 4, channels: 3, background: { r: red, g: green, b: blue } } })
    .png()
    .toBuffer();
}

describe('findPictures', () => {
  it('finds them at any depth, in order, through links but not twice', async () => {
    for (const path of ['find/b.png', 'find/a.JPG', 'find/c/d.webp', 'find/c/e.jpeg', 'find/notes.txt'])
      await write(path);
    await write('find/.hidden/f.png');
    await write('elsewhere/g.png');
    await symlink(join(folder, 'find'), join(folder, 'find/c/loop'));
    await symlink(join(folder, 'elsewhere'), join(folder, 'find/linked'));
    await symlink(join(folder, 'nowhere'), join(folder, 'find/broken'));
    expect((await findPictures(join(folder, 'find'))).map((path) => path.slice(folder.length + 6))).toEqual([
      'a.JPG',
      'b.png',
      'c/d.webp',
      'c/e.jpeg',
      'linked/g.png',
    ]);
    expect(['x.png', 'x.JPEG', 'a.b.jpg', 'x.webp', 'png', 'x.png.txt'].map(isPictureName)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('findPictureFolders', () => {
  it('takes each folder with pictures for a class, and says which it leaves out', async () => {
    for (const path of ['set/n2/a.png', 'set/n10/b.png', 'set/n10/deep/c.png', 'set/stray.png']) await write(path);
    await mkdir(join(folder, 'set/empty'));
    for (const path of ['set/.hidden/d.png', 'set/__MACOSX/n2/._a.png', 'set/n2/._a.png', 'set/notes/._b.jpg'])
      await write(path);
    const found = (await findPictureFolders(join(folder, 'set')))!;
    expect(found.name).toBe('set');
    expect(found.classes.map(({ name, pictures }) => [name, pictures.length])).toEqual([
      ['n10', 2],
      ['n2', 1],
    ]);
    expect(found.leftOut).toEqual(['.hidden', '__MACOSX', 'empty', 'notes']);
  });

  it('finds none where there are no pictures, or nothing at all', async () => {
    await write('idx/data/train-images-idx3-ubyte');
    expect(await findPictureFolders(join(folder, 'idx'))).toBeUndefined();
    expect(await findPictureFolders(join(folder, 'nothing'))).toBeUndefined();
  });

  it('takes the first split that is there', async () => {
    await write('splits/test/x/a.png');
    await write('splits/val/y/a.png');
    expect(await findSplit(join(folder, 'splits'), ['val', 'test'])).toMatchObject({ name: 'val' });
    expect(await findSplit(join(folder, 'splits'), ['valid', 'test'])).toMatchObject({ name: 'test' });
    expect(await findSplit(join(folder, 'splits'), ['train'])).toBeUndefined();
  });
});

describe('loadPictureDataset', () => {
  it('holds the pictures that can be read, with their labels and the names of the classes', async () => {
    await write('data/sky/1.png', await plain(10, 20, 250));
    await write('data/sky/2.png', (await plain(10, 20, 250)).subarray(0, 50));
    await write('data/grass/1.png', await plain(5, 200, 15));
    await write('data/sky/3.png', await plain(90, 100, 240));
    const folders = (await findPictureFolders(join(folder, 'data')))!;
    const skipped: string[] = [];
    const progress: number[] = [];
    const data = await loadPictureDataset(folders, {
      size: { height: 2, width: 3, channels: 3 },
      onSkipped: (path) => skipped.push(path),
      onProgress: (done) => progress.push(done),
    });
    expect(data).toMatchObject({ name: 'data', count: 3, height: 2, width: 3, channels: 3, classes: 2 });
    expect(data.classNames).toEqual(['grass', 'sky']);
    expect([...data.labels]).toEqual([0, 1, 1]);
    const colours = [
      [5, 200, 15],
      [10, 20, 250],
      [90, 100, 240],
    ];
    expect([...data.images]).toEqual(colours.flatMap((colour) => Array<number[]>(6).fill(colour).flat()));
    expect(skipped).toEqual([join(folder, 'data/sky/2.png')]);
    expect(progress).toEqual([1, 2, 3, 4]);
    const size = { height: 2, width: 3, channels: 3 };
    await expect(loadPictureDataset(folders, { size })).rejects.toBeInstanceOf(FormatError);
  });

  it('leaves out pictures of more pixels than it may read', async () => {
    await write('large/a/1.png', await plain(10, 20, 250));
    const folders = (await findPictureFolders(join(folder, 'large')))!;
    const size = { height: 2, width: 3, channels: 3 };
    expect((await loadPictureDataset(folders, { size, maxPixels: 24 })).count).toBe(1);
    await expect(loadPictureDataset(folders, { size, maxPixels: 23 })).rejects.toBeInstanceOf(LimitError);
    const skipped: Error[] = [];
    const onSkipped = (_: string, error: Error): void => void skipped.push(error);
    await expect(loadPictureDataset(folders, { size, maxPixels: 23, onSkipped })).rejects.toBeInstanceOf(FormatError);
    expect(skipped).toHaveLength(1);
    expect(skipped[0]!.message).toContain('--max-pixels');
  });

  it('refuses a data set of nothing but broken pictures, and networks of two channels', async () => {
    await write('broken/a/1.png', 'nothing');
    const folders = (await findPictureFolders(join(folder, 'broken')))!;
    const onSkipped = (): void => {};
    await expect(
      loadPictureDataset(folders, { size: { height: 2, width: 2, channels: 1 }, onSkipped }),
    ).rejects.toMatchObject({ parameter: 'broken' });
    await expect(
      loadPictureDataset(folders, { size: { height: 2, width: 2, channels: 2 }, onSkipped }),
    ).rejects.toMatchObject({ parameter: 'channels' });
  });
});

describe('allowance', () => {
  it('never gives more than there is, in the order of asking, and what wants more goes alone', async () => {
    const within = allowance(10);
    const wanted = [4, 5, 6, 1, 30, 2, 9, 1, 0, 10];
    const started: number[] = [];
    let used = 0;
    const work = async (index: number): Promise<number> => {
      started.push(index);
      used += wanted[index]!;
      expect(used <= 10 || used === 30).toBe(true);
      await new Promise((done) => setTimeout(done, (index * 7) % 5));
      used -= wanted[index]!;
      return index;
    };
    const results = await Promise.all(wanted.map((amount, index) => within(amount, () => work(index))));
    expect(results).toEqual(wanted.map((_, index) => index));
    expect(started).toEqual(results);
  });

  it('goes on behind work that fails', async () => {
    const within = allowance(1);
    const failing = within(1, () => Promise.reject(new Error('broken')));
    const next = within(1, async () => 'done');
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('done');
  });
});

describe('inOrder', () => {
  it('keeps the order and works on so many at once', async () => {
    let running = 0;
    let most = 0;
    const work = async (item: number): Promise<number> => {
      most = Math.max(most, ++running);
      for (let turns = (item * 7) % 5; turns >= 0; turns--) await new Promise((done) => setImmediate(done));
      running--;
      return item * item;
    };
    const results: number[] = [];
    for await (const result of inOrder([0, 1, 2, 3, 4, 5, 6, 7, 8], 3, work)) results.push(result);
    expect(results).toEqual([0, 1, 4, 9, 16, 25, 36, 49, 64]);
    expect(most).toBe(3);
  });
});
