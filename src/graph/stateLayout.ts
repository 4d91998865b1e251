import { parameterBlock } from '../ops/parameterBlock.js';
import { alignUp } from './memory.js';
import type { Network } from './network.js';
import { elementCount, networkParameters, type ParameterSpec } from './parameters.js';
import { inferShapes } from './shapes.js';

/** An entry of the network's state with its place, in elements, in the buffer of its kind. */
export interface PlacedParameter extends ParameterSpec {
  /** Index of its first element in the buffer. */
  readonly offset: number;
  /** Elements. */
  readonly count: number;
  /**
   * The axes of the PyTorch layout, in the order in which memory holds them, with their sizes in the PyTorch layout; a
   * dense weight [out, channels * height * width] is seen as [out, channels, height, width].
   */
  readonly axes: readonly number[];
  /** The axis of `axes` that each axis in memory is. */
  readonly order: readonly number[];
}

/** Where a network's state lies: trained entries in one buffer, running statistics in another. */
export interface StateLayout {
  /** Entries of the first buffer. */
  readonly trained: readonly PlacedParameter[];
  /** Entries of the second buffer. */
  readonly statistics: readonly PlacedParameter[];
  /** Elements of each buffer. */
  readonly trainedCount: number;
  /** Elements of the second buffer. */
  readonly statisticsCount: number;
  /** Names of the batches-tracked counters, which are kept on the host. */
  readonly counters: readonly string[];
}

/** Lays the state of a network out; every tensor starts at a multiple of {@link parameterBlock} elements. */
export function layoutState(network: Network): StateLayout {
  const shapes = inferShapes(network, 1);
  const inputOf = new Map(network.layers.map((layer) => [layer.name, shapes.get(layer.inputs[0]!)!]));
  const specs = networkParameters(network);
  const trained: PlacedParameter[] = [];
  const statistics: PlacedParameter[] = [];
  let trainedCount = 0;
  let statisticsCount = 0;
  for (const spec of specs) {
    if (spec.role === 'batchesTracked') continue;
    const count = elementCount(spec.shape);
    const axes = axesInMemory(spec, inputOf.get(spec.layer)!);
    if (spec.trainable) {
      trained.push({ ...spec, ...axes, count, offset: trainedCount });
      trainedCount = alignUp(trainedCount + count, parameterBlock);
    } else {
      statistics.push({ ...spec, ...axes, count, offset: statisticsCount });
      statisticsCount = alignUp(statisticsCount + count, parameterBlock);
    }
  }
  const counters = specs.filter(({ role }) => role === 'batchesTracked').map(({ name }) => name);
  return { trained, statistics, trainedCount, statisticsCount, counters };
}

function axesInMemory(
  { role, shape }: ParameterSpec,
  [, height, width, channels]: readonly [number, number, number, number],
): { axes: readonly number[]; order: readonly number[] } {
  if (role === 'filter' || role === 'transposedFilter') return { axes: shape, order: [2, 3, 1, 0] };
  if (role === 'denseWeight') return { axes: [shape[0]!, channels, height, width], order: [2, 3, 1, 0] };
  return { axes: shape, order: shape.map((_, axis) => axis) };
}

/** A tensor from PyTorch's layout to memory's. */
export function toMemory(place: PlacedParameter, data: Float32Array): Float32Array {
  const result = new Float32Array(data.length);
  placeRows(place, data, 0, result);
  return result;
}

/** Rows that are written side by side, so that both what is read and what is written stays within a few cache lines. */
const rowBlock = 16;

/**
 * Puts some rows of a tensor in PyTorch's layout where they lie in memory's.
 *
 * @param rows - whole slices along the first axis
 * @param firstRow - the index of the first of them
 * @param memory - the whole tensor in memory's layout
 */
export function placeRows(
  { axes, order }: PlacedParameter,
  rows: Float32Array,
  firstRow: number,
  memory: Float32Array,
): void {
  const [height = 1, ...inner] = axes;
  const rowSize = elementCount(inner);
  if (order.every((axis, index) => axis === index) || height === 0) {
    memory.set(rows, firstRow * rowSize);
    return;
  }
  const [b = 1, c = 1, d = 1] = inner;
  const [stepA, stepB, stepC, stepD] = [0, 1, 2, 3].map((axis) => strideInMemory(axes, order, axis)) as Stride4;
  const count = rows.length / rowSize;
  for (let block = 0; block < count; block += rowBlock) {
    const end = Math.min(block + rowBlock, count);
    let column = 0;
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) {
        for (let l = 0; l < d; l++) {
          let to = (firstRow + block) * stepA + j * stepB + k * stepC + l * stepD;
          for (let row = block; row < end; row++) {
            memory[to] = rows[row * rowSize + column]!;
            to += stepA;
          }
          column++;
        }
      }
    }
  }
}

type Stride4 = [number, number, number, number];

/** How far apart in memory neighbours along an axis of the PyTorch layout lie. */
function strideInMemory(axes: readonly number[], order: readonly number[], axis: number): number {
  return elementCount(order.slice(order.indexOf(axis) + 1).map((later) => axes[later]!));
}

/** A tensor from memory's layout to PyTorch's. */
export function fromMemory({ axes, order }: PlacedParameter, data: Float32Array): Float32Array {
  const back = order.map((_, axis) => order.indexOf(axis));
  return permute(
    data,
    order.map((axis) => axes[axis]!),
    back,
  );
}

/** The tensor whose axis i is axis order[i] of the given one. */
function permute(data: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  if (order.every((axis, index) => axis === index)) return data.slice();
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const sizes = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const result = new Float32Array(data.length);
  const [a = 1, b = 1, c = 1, d = 1] = sizes;
  const [stepA = 0, stepB = 0, stepC = 0, stepD = 0] = steps;
  let index = 0;
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) {
        const start = i * stepA + j * stepB + k * stepC;
        for (let l = 0; l < d; l++) result[index++] = data[start + l * stepD]!;
      }
    }
  }
  return result;
}
