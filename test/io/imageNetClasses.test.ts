import { expect, it } from 'vitest';
import { imageNetClasses } from '../../src/io/imageNetClasses.js';

it('knows the 1000 classes of ImageNet in the order of their numbers', () => {
  const classes = imageNetClasses();
  expect(classes.length).toBe(1000);
  const ids = classes.map(({ id }) => id);
  expect(new Set(ids).size).toBe(1000);
  expect(ids.toSorted()).toEqual(ids);
  for (const { id, name } of classes) {
    expect(id).toMatch(/^n\d{8}$/);
    expect(name).toMatch(/^[A-Za-z]/);
  }
  // Places that everyone who has looked at such logits knows.
  for (const [index, word] of [
    [0, 'tench'],
    [1, 'goldfish'],
    [207, 'golden retriever'],
    [281, 'tabby'],
    [404, 'airliner'],
    [817, 'sports car'],
    [999, 'toilet tissue'],
  ] as const) {
    expect(classes[index]!.name.split(', ')[0]).toBe(word);
  }
});
