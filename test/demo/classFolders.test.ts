import { expect, it } from 'vitest';
import type { PlacedFile } from '../../src/demo/protocol.js';
import { layOutPictures } from '../../src/demo/worker/classFolders.js';
import { FormatError } from '../../src/errors.js';

/** The layout of files of these names: each class with its pictures. */
function layout(paths: readonly string[]) {
  const files = paths.map((path): PlacedFile => ({ path, file: new File([], path.split('/').at(-1)!) }));
  const { train, test, notes } = layOutPictures(files);
  const named = (classes: typeof train) =>
    classes.map(({ name, pictures }) => [name, pictures.map(({ path }) => path)]);
  return { train: named(train), test: test && named(test), notes };
}

it('takes a folder a class, by name, with or without folders around them', () => {
  const plain = layout(['dogs/1.jpg', 'cats/1.PNG', 'cats/deep/2.webp', 'notes.txt']);
  expect(plain).toEqual({
    train: [
      ['cats', ['cats/1.PNG', 'cats/deep/2.webp']],
      ['dogs', ['dogs/1.jpg']],
    ],
    test: undefined,
    notes: [],
  });
  const around = layout(['my/photos/dogs/1.jpg', 'my/photos/cats/1.png', 'my/photos/stray.png']);
  expect(around.train.map(([name]) => name)).toEqual(['cats', 'dogs']);
  expect(layout(['photos/train/dogs/1.jpg', 'photos/train/cats/1.png']).train.map(([name]) => name)).toEqual([
    'cats',
    'dogs',
  ]);
});

it('makes no class of what lies beside the pictures, and says so', () => {
  const { train, notes } = layout([
    'photos/cats/1.png',
    'photos/cats/._1.png',
    'photos/dogs/1.png',
    'photos/notes/readme.txt',
    'photos/.cache/1.png',
    '__MACOSX/photos/cats/._1.png',
    '__MACOSX/photos/apes/._1.png',
  ]);
  expect(train).toEqual([
    ['cats', ['photos/cats/1.png']],
    ['dogs', ['photos/dogs/1.png']],
  ]);
  expect(notes).toEqual(['Left out, as no classes or without pictures: .cache, __MACOSX, notes']);
});

it('numbers both parts alike', () => {
  const paths = ['train/ant/1.png', 'train/bee/1.png', 'train/cow/1.png', 'val/cow/2.png', 'val/bee/2.png'];
  expect(layout(paths.map((path) => `all/${path}`))).toEqual({
    train: [
      ['ant', ['all/train/ant/1.png']],
      ['bee', ['all/train/bee/1.png']],
      ['cow', ['all/train/cow/1.png']],
    ],
    test: [
      ['ant', []],
      ['bee', ['all/val/bee/2.png']],
      ['cow', ['all/val/cow/2.png']],
    ],
    notes: ['No pictures to test with of ant'],
  });
  expect(() => layout([...paths, 'val/dog/1.png'])).toThrow('got dog besides');
});

it('refuses a single class and none', () => {
  expect(() => layout(['cats/1.png', 'cats/2.png'])).toThrow(FormatError);
  expect(() => layout(['1.png'])).toThrow('got no pictures in folders');
  expect(() => layout(['readme.txt'])).toThrow('got no pictures in folders');
});
