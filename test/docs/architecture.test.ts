import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { directUses, drawRooms, heights, type Room, readRooms } from './rooms.js';

const root = resolve(import.meta.dirname, '../..');
const rooms = readRooms(root);

function named(uses: Readonly<Record<string, readonly string[]>>): Map<string, Room> {
  return new Map(Object.entries(uses).map(([name, used]) => [name, { name, uses: new Set(used) }]));
}

it('puts a room above what it uses, and leaves out arrows that go through another room', () => {
  const found = named({ low: [], middle: ['low'], high: ['middle', 'low'] });
  expect(Object.fromEntries(heights(found))).toEqual({ low: 0, middle: 1, high: 2 });
  expect(directUses(found, 'high')).toEqual(['middle']);
});

it('finds a circle', () => {
  expect(() => heights(named({ a: ['b'], b: ['c'], c: ['a'] }))).toThrow('rooms in a circle: a -> b -> c -> a');
});

it('has no rooms in a circle, and none that the documentation does not name', () => {
  expect(rooms.size).toBeGreaterThan(10);
  heights(rooms);
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
  for (const name of rooms.keys()) expect(text).toMatch(new RegExp(`^ *${name}/ `, 'm'));
});

it('names files that there are', () => {
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
  const named = [...text.matchAll(/`((?:\w+\/)+\w+\.(?:ts|wgsl|html))`/g)].map((match) => match[1]!);
  expect(named.length).toBeGreaterThan(20);
  for (const path of named.filter((one) => !one.includes('NAME'))) {
    const places = [join(root, path), join(root, 'src', path)];
    expect(places.some(existsSync), path).toBe(true);
  }
});

it('is drawn as it is', async () => {
  await expect(drawRooms(rooms)).toMatchFileSnapshot(join(root, 'docs/architecture.svg'));
});
