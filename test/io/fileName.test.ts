import { dirname, join, resolve } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fileName } from '../../src/io/fileName.js';

it.each(['ic-resnet8', 'MNIST', 'layer1.0.conv1', 'a', '_', 'x'.repeat(100)])('is %s itself', (text) => {
  expect(fileName(text)).toBe(text);
});

it.each([
  ['../../x', /^x-/],
  ['', /^/],
  ['.', /^/],
  ['..', /^/],
  ['.hidden', /^hidden-/],
  ['trailing.', /^trailing-/],
  ['/etc/passwd', /^etc-passwd-/],
  ['C:\\x', /^c-x-/],
  ['a\0b', /^a-b-/],
  ['con', /^con-/],
  ['NUL.txt', /^nul-txt-/],
  ['数据', /^/],
  ['x'.repeat(5000), /^x{20}-/],
  ['one two three four five', /^one-two-three-four-/],
])('is words and a hash for %j', (text, start) => {
  expect(fileName(text)).toMatch(start);
  expect(fileName(text)).toMatch(/^([a-z0-9]{1,20}-){0,4}[0-9a-f]{12}$/);
});

it('is one step below its folder for any text, and another for any other', () => {
  const piece = fc.oneof(
    fc.constantFrom('..', '/', '\\', '.', '\0', 'nul', ':', ' ', '~'),
    fc.string({ unit: 'binary' }),
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(dirname(resolve('folder', fileName(one)))).toBe(resolve('folder'));
      expect(join('folder', fileName(one))).not.toBe('folder');
      expect(fileName(one) === fileName(other)).toBe(one === other);
    }),
  );
});
