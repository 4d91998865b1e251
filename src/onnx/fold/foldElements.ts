import { elementCount } from '../../graph/parameters.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { emptyValues, gather, type NumberArray, type NumberType, type Size, stridesOf } from './numberArrays.js';

/*
 * Arithmetic on constants and on sizes, element by element.
 */

type Unary = (value: number) => number;
type Binary = (left: number, right: number) => number;

/** What an operator makes of floating-point numbers. */
export const unaryOperators: Readonly<Record<string, Unary>> = {
  Abs: Math.abs,
  Ceil: Math.ceil,
  Erf: erf,
  Exp: Math.exp,
  Floor: Math.floor,
  Log: Math.log,
  Neg: (value) => 0 - value,
  Reciprocal: (value) => 1 / value,
  Sqrt: Math.sqrt,
};

/** What an operator makes of two numbers. */
export const binaryOperators: Readonly<Record<string, Binary>> = {
  Add: (left, right) => left + right,
  Div: (left, right) => left / right,
  Max: Math.max,
  Min: Math.min,
  Mul: (left, right) => left * right,
  Pow: (left, right) => left ** right,
  Sub: (left, right) => left - right,
  Sum: (left, right) => left + right,
};

const comparisons: Readonly<Record<string, Binary>> = {
  Equal: (left, right) => Number(left === right),
  Greater: (left, right) => Number(left > right),
  Less: (left, right) => Number(left < right),
};

/** The number that changes nothing on either side, or on the right one. */
const neutral: Readonly<Record<string, readonly [left: number | undefined, right: number]>> = {
  Add: [0, 0],
  Sum: [0, 0],
  Sub: [undefined, 0],
  Mul: [1, 1],
  Div: [undefined, 1],
};

/** Abramowitz and Stegun's series and continued fraction, to float64's last digits. */
export function erf(value: number): number {
  const size = Math.abs(value);
  if (size > 6) return Math.sign(value);
  if (size < 2.5) {
    let term = value;
    let sum = value;
    for (let index = 1; Math.abs(term) > 1e-17 * Math.abs(sum); index++) {
      term *= (-value * value) / index;
      sum += term / (2 * index + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let index = 60; index > 0; index--) fraction = index / 2 / (size + fraction);
  return Math.sign(value) * (1 - Math.exp(-size * size) / (Math.sqrt(Math.PI) * (size + fraction)));
}

/** One number after the other. */
export function foldUnary(node: Node, [input]: readonly NumberArray[]): NumberArray {
  const { type, values } = input!;
  const change = unaryOperators[node.proto.opType]!;
  const result = emptyValues(type, values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (value === 'batch') throw batchRefusal(node);
    const changed = change(value);
    if (type === 'integer' && !Number.isSafeInteger(changed)) throw malformed(node.place, 'integers', `${changed}`);
    result[index] = changed as never;
  }
  return { ...input!, values: result };
}

/** Two arrays of shapes that spread over each other, or several of them. */
export function foldBinary(node: Node, inputs: readonly NumberArray[]): NumberArray {
  return inputs.reduce((left, right) => combined(node, left, right));
}

function combined(node: Node, left: NumberArray, right: NumberArray): NumberArray {
  const { opType } = node.proto;
  const isFree = opType === 'Pow';
  if (left.type !== right.type && !isFree) throw malformed(`${node.place}, inputs`, left.type, right.type);
  const type: NumberType = comparisons[opType] ? 'boolean' : left.type;
  const dims = spreadDims(node, [left, right]);
  const [first, second] = [left, right].map((array) => spread(array, dims).values) as [
    ArrayLike<Size>,
    ArrayLike<Size>,
  ];
  const result = emptyValues(type, elementCount(dims));
  for (let index = 0; index < result.length; index++) {
    result[index] = element(node, left.type, first[index]!, second[index]!) as never;
  }
  return { type, dims, values: result };
}

function element(node: Node, type: NumberType, left: Size, right: Size): Size {
  const { opType } = node.proto;
  if (left === 'batch' || right === 'batch') return elementOfBatch(node, left, right);
  const result = (binaryOperators[opType] ?? comparisons[opType]!)(left, right);
  if (type !== 'integer') return result;
  if (Number.isSafeInteger(Math.trunc(result))) return Math.trunc(result);
  throw malformed(node.place, 'integers', `${left} and ${right}`);
}

function elementOfBatch(node: Node, left: Size, right: Size): Size {
  const { opType } = node.proto;
  const [leftNeutral, rightNeutral] = neutral[opType] ?? [undefined, undefined];
  if (right !== 'batch' && right === rightNeutral) return left;
  if (left !== 'batch' && left === leftNeutral) return right;
  if (opType === 'Equal' && [left, right].some((value) => value !== 'batch' && value <= 0)) return 0;
  throw batchRefusal(node);
}

/** The error of a computation with the number of images. */
function batchRefusal(node: Node) {
  return unsupported(node.place, 'sizes that do not depend on the number of images', 'the number of images');
}

/** The shape that arrays spread to. */
export function spreadDims(node: Node, arrays: readonly NumberArray[]): readonly number[] {
  const rank = arrays.reduce((longest, { dims }) => Math.max(longest, dims.length), 0);
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = arrays.map(({ dims }) => dims[axis - rank + dims.length] ?? 1).filter((size) => size !== 1);
    if (new Set(sizes).size > 1) {
      const got = arrays.map(({ dims }) => `[${dims.slice(0, 8)}]`).join(' and ');
      throw malformed(`${node.place}, inputs`, 'shapes that spread over each other', got);
    }
    return sizes[0] ?? 1;
  });
}

/** An array repeated along axes of size 1. */
export function spread(array: NumberArray, dims: readonly number[]): NumberArray {
  if (array.dims.join() === dims.join()) return array;
  const missing = dims.length - array.dims.length;
  const own = stridesOf(array.dims);
  const strides = dims.map((_, axis) => ((array.dims[axis - missing] ?? 1) === 1 ? 0 : own[axis - missing]!));
  return gather(array, dims, strides);
}
