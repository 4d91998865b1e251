import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Pair, Sides } from '../../src/graph/network.js';
import { float32Tensor, readSafetensors, toFloat32, writeSafetensors } from '../../src/io/safetensors.js';
import { convolutionBackwardReference, convolutionReference } from '../reference/convolution.js';
import {
  maxPoolBackwardReference,
  maxPoolReference,
  meanPoolBackwardReference,
  meanPoolReference,
} from '../reference/pooling.js';
import {
  transposedConvolutionBackwardReference,
  transposedConvolutionReference,
} from '../reference/transposedConvolution.js';
import type { ImageShape } from '../reference/window.js';
import { hwioToOihw, nhwcToNchw } from '../support/layout.js';
import { randomArray } from '../support/random.js';
import { findPython, runScript } from './python.js';

/* The float64 references that every kernel is held to, held to PyTorch's float64 themselves. */

/** What a case is to the script, its tensors, and what the reference makes of them, all in PyTorch's layouts. */
interface WindowCase {
  readonly described: object;
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;
  readonly results: Readonly<Record<string, Float64Array>>;
}

interface Random {
  readonly batch: number;
  readonly size: Pair;
  readonly groups: number;
  readonly channels: Pair;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly sides: Sides;
  readonly open: Pair;
  readonly ceilMode: boolean;
  readonly countPadding: boolean;
  readonly seed: number;
}

const pairOf = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));

const random: fc.Arbitrary<Random> = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  size: pairOf(4, 9),
  groups: fc.integer({ min: 1, max: 3 }),
  channels: pairOf(1, 3),
  kernel: pairOf(1, 4),
  stride: pairOf(1, 3),
  dilation: pairOf(1, 2),
  sides: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
  open: pairOf(0, 2),
  ceilMode: fc.boolean(),
  countPadding: fc.boolean(),
  seed: fc.nat(1e6),
});

const toPlanes = (data: Float64Array, shape: ImageShape): Float64Array => nhwcToNchw(data, shape);

function images(data: Float32Array, shape: ImageShape) {
  const [batch, height, width, channels] = shape;
  return { shape: [batch, channels, height, width], data: nhwcToNchw(data, shape) };
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size);
}

function convolutionOf({ batch, size, groups, channels, kernel, stride, dilation, sides, seed }: Random): WindowCase {
  const shape = [batch, ...size, groups * channels[0]] as const;
  const filterShape = [...kernel, channels[0], groups * channels[1]] as const;
  const [x, filter, bias] = [elements(shape), elements(filterShape), filterShape[3]].map((count, i) =>
    randomArray(count, seed + i),
  ) as [Float32Array, Float32Array, Float32Array];
  const padding = sides.map((side, i) => side + dilation[i % 2]! * (kernel[i % 2]! - 1)) as unknown as Sides;
  const operands = { x, shape, filter, filterShape, bias, mode: 'none' as const, stride, padding, dilation, groups };
  const { y, outShape } = convolutionReference(operands);
  const dy = randomArray(y.length, seed + 3);
  const { dx, dFilter, dBias } = convolutionBackwardReference({ ...operands, dy });
  const [height, width, inner, outer] = filterShape;
  return {
    described: { kind: 'convolution', kernel, stride, dilation, groups, padding },
    tensors: {
      x: images(x, shape),
      w: { shape: [outer, inner, height, width], data: hwioToOihw(filter, filterShape) },
      b: { shape: [outer], data: bias },
      dy: images(dy, outShape),
    },
    results: { y: toPlanes(y, outShape), dx: toPlanes(dx, shape), dw: hwioToOihw(dFilter, filterShape), db: dBias },
  };
}

function transposedOf(given: Random): WindowCase {
  const { batch, size, groups, channels, kernel, stride, dilation, seed } = given;
  const shape = [batch, ...size, groups * channels[0]] as const;
  const filterShape = [...kernel, channels[1], groups * channels[0]] as const;
  const padding = [given.sides[0] % 2, given.sides[1] % 2] as const;
  const outputPadding = given.open.map((open, i) => Math.min(open, Math.max(stride[i]!, dilation[i]!) - 1));
  const windows = { stride, padding, outputPadding: outputPadding as unknown as Pair, dilation, groups };
  const [x, filter, bias] = [elements(shape), elements(filterShape), groups * channels[1]].map((count, i) =>
    randomArray(count, seed + i),
  ) as [Float32Array, Float32Array, Float32Array];
  const operands = { x, shape, filter, filterShape, bias, ...windows };
  const { y, outShape } = transposedConvolutionReference(operands);
  const dy = randomArray(y.length, seed + 3);
  const { dx, dFilter, dBias } = transposedConvolutionBackwardReference({ ...operands, dy });
  const [height, width, inner, outer] = filterShape;
  return {
    described: { kind: 'transposed', kernel, ...windows },
    tensors: {
      x: images(x, shape),
      w: { shape: [outer, inner, height, width], data: hwioToOihw(filter, filterShape) },
      b: { shape: [groups * channels[1]], data: bias },
      dy: images(dy, outShape),
    },
    results: { y: toPlanes(y, outShape), dx: toPlanes(dx, shape), dw: hwioToOihw(dFilter, filterShape), db: dBias },
  };
}

/** PyTorch's own padding is alike on both sides and half a window at most; a `pad` makes the other one, of which a ceil mode knows nothing. */
function poolOf(kind: 'maxPool' | 'meanPool', given: Random, isPadded: boolean): WindowCase {
  const { batch, size, channels, kernel, stride, sides, seed } = given;
  const shape = [batch, ...size, channels[0]] as const;
  const own: Pair = [sides[0] % (Math.floor(kernel[0] / 2) + 1), sides[1] % (Math.floor(kernel[1] / 2) + 1)];
  const around = sides.map((side, i) => side % kernel[i % 2]!) as unknown as Sides;
  const ceilMode = given.ceilMode && !isPadded;
  const countPadding = given.countPadding || isPadded;
  const x = randomArray(elements(shape), seed);
  const operands = { x, shape, kernel, stride, padding: isPadded ? around : own, ceilMode, countPadding };
  const [forward, backward] =
    kind === 'maxPool' ? [maxPoolReference, maxPoolBackwardReference] : [meanPoolReference, meanPoolBackwardReference];
  const { y, outShape } = forward(operands);
  const dy = randomArray(y.length, seed + 3);
  const dx = backward({ ...operands, dy });
  const pads = { padding: isPadded ? [0, 0] : own, sides: isPadded ? around : [0, 0, 0, 0] };
  return {
    described: { kind, kernel, stride, ceilMode, countPadding, ...pads },
    tensors: { x: images(x, shape), dy: images(dy, outShape) },
    results: { y: toPlanes(y, outShape), dx: toPlanes(dx, shape) },
  };
}

it('windows of every kind are PyTorch’s', { timeout: 120_000 }, async () => {
  const samples = fc.sample(random, { numRuns: 40, seed: 7 });
  const cases = samples.flatMap((given) => [
    convolutionOf(given),
    transposedOf(given),
    poolOf('maxPool', given, false),
    poolOf('maxPool', given, true),
    poolOf('meanPool', given, false),
    poolOf('meanPool', given, true),
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'icnet-windows-'));
  try {
    const [input, output] = [join(folder, 'cases'), join(folder, 'results')];
    const tensors = cases.flatMap(({ tensors }, index) =>
      Object.entries(tensors).map(
        ([name, { shape, data }]) => [`${index}.${name}`, float32Tensor(shape, data)] as const,
      ),
    );
    const metadata = { cases: JSON.stringify(cases.map(({ described }) => described)) };
    await writeFile(input, writeSafetensors(tensors, metadata));
    await runScript(findPython('torch'), 'windows.py', input, output);
    const theirs = readSafetensors(await readFile(output)).tensors;
    cases.forEach(({ results, described }, index) => {
      for (const [name, values] of Object.entries(results)) {
        const expected = toFloat32(theirs.get(`${index}.${name}`)!);
        const what = `${JSON.stringify(described)} ${name}`;
        expect(values.length, what).toBe(expected.length);
        // Read as float32.
        const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
        expect(worst, what).toBeLessThan(1e-5);
      }
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
