import { expect, it } from 'vitest';
import { confusionOf } from '../../src/demo/page/lessonConfusion.js';
import { programOf } from '../../src/demo/worker/lessonPrograms.js';
import { splitLesson } from '../../src/demo/worker/lessonSplit.js';

it('holds out every fourth picture of a class, one at least where there are two', () => {
  const labels = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3];
  const { train, test } = splitLesson(labels);
  expect(test.map((index) => labels[index])).toEqual([0, 0, 1, 2]);
  expect([...train, ...test].sort((a, b) => a - b)).toEqual([...labels.keys()]);
  // A class of one picture is learnt from.
  expect(train.map((index) => labels[index])).toContain(3);
});

it('counts what was taken for what', () => {
  const answers = [
    { index: 0, label: 0, answer: 0 },
    { index: 1, label: 0, answer: 1 },
    { index: 2, label: 1, answer: 1 },
    { index: 3, label: 1, answer: 1 },
  ];
  expect(confusionOf(2, answers)).toEqual([
    [1, 1],
    [0, 2],
  ]);
});

it('puts the weights into page and script', () => {
  const weights = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251);
  for (const [kind, name] of [
    ['page', 'taught.html'],
    ['script', 'taught.mjs'],
  ] as const) {
    const file = programOf(kind, weights);
    expect(file.name).toBe(name);
    const text = new TextDecoder().decode(file.bytes);
    const [, base64] = /'([A-Za-z0-9+/=]{1000,})'/.exec(text)!;
    expect(Buffer.from(base64!, 'base64').equals(weights)).toBe(true);
  }
});
