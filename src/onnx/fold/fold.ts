import { elementCount } from '../../graph/parameters.js';
import { integerAttribute } from '../attributes.js';
import { hasInput, type ImportState, inputOf, setArray, setOutput, type Value } from '../importState.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import type { OperatorName } from '../signatures.js';
import { placeOfTensor } from '../tensorValues.js';
import { foldBinary, foldUnary } from './foldElements.js';
import {
  foldCast,
  foldConcat,
  foldConstantOfShape,
  foldExpand,
  foldGather,
  foldRange,
  foldSlice,
  foldSplit,
  foldTile,
  foldTranspose,
  foldWhere,
} from './foldStructure.js';
import { arrayOf, listOf, type NumberArray } from './numberArrays.js';
import { flattenedSizes, squeezedSizes, unsqueezedSizes } from './reshapeSizes.js';
import { requirePieces } from './slices.js';

/** Makes an operator's outputs of its inputs, those that are left out undefined. */
type Fold = (node: Node, inputs: readonly (NumberArray | undefined)[]) => NumberArray | readonly NumberArray[];

const first: Fold = (_, [input]) => input!;
const elementwise = foldBinary as Fold;
const unary = foldUnary as Fold;

const folds: Readonly<Partial<Record<OperatorName, Fold>>> = {
  Abs: unary,
  Add: elementwise,
  Cast: foldCast,
  Ceil: unary,
  Concat: foldConcat,
  ConstantOfShape: foldConstantOfShape,
  Div: elementwise,
  Dropout: first,
  Equal: elementwise,
  Erf: unary,
  Exp: unary,
  Expand: foldExpand,
  Flatten: (node, [input]) => ({ ...input!, dims: flattenedSizes(node, input!.dims) }),
  Floor: unary,
  Gather: foldGather,
  Greater: elementwise,
  Identity: first,
  Less: elementwise,
  Log: unary,
  Max: elementwise,
  Min: elementwise,
  Mul: elementwise,
  Neg: unary,
  Pow: elementwise,
  Range: foldRange,
  Reciprocal: unary,
  Reshape: foldReshape,
  Shape: (_, [input]) => listOf(input!.dims),
  Slice: foldSlice,
  Split: foldSplit,
  Sqrt: unary,
  Squeeze: (node, [input, axes]) => ({ ...input!, dims: squeezedSizes(node, input!.dims, axes) }),
  Sub: elementwise,
  Sum: elementwise,
  Tile: foldTile,
  Transpose: foldTranspose,
  Unsqueeze: (node, [input, axes]) => ({ ...input!, dims: unsqueezedSizes(node, input!.dims, axes) }),
  Where: foldWhere,
};

/**
 * Computes a node whose inputs do not depend on the images, which constants and sizes of tensors are. Returns whether it was one.
 *
 * @throws UnsupportedError where the number of images would have to be known, and above what a file of this size may compute
 */
export function foldNode(state: ImportState, node: Node, operator: OperatorName): boolean {
  const fold = folds[operator];
  const values = node.proto.input.map((_, index) => (hasInput(node, index) ? inputOf(state, node, index) : undefined));
  if (!fold || !values[0] || values.some((value) => value?.kind === 'activation')) return false;
  if (operator === 'Split') requirePieces(node, state.opset);
  if (operator === 'Identity') {
    setOutput(state, node, values[0]);
    return true;
  }
  const inputs = values.map((value, index) => value && arrayOfValue(state, node, index, value));
  const results = [fold(node, inputs)].flat() as readonly NumberArray[];
  for (const [index, result] of results.entries()) {
    charge(state, node, result.values.length);
    setArray(state, node, result, index);
  }
  return true;
}

function arrayOfValue(state: ImportState, node: Node, index: number, value: Value): NumberArray {
  if (value.kind === 'sizes') return value.array;
  if (value.kind === 'constant') return arrayOf(value.tensor, placeOfTensor(state.file, node.proto.input[index]!));
  throw unsupported(`${node.place}, input ${index}`, 'a constant', value.kind);
}

/** Files that double what they hold with every node would fill any memory. */
function charge(state: ImportState, node: Node, elements: number): void {
  state.budget.elements -= elements;
  if (state.budget.elements >= 0) return;
  throw unsupported(
    node.place,
    'constants that are computed to be of the size of the file',
    `${elements} elements more`,
  );
}

function foldReshape(node: Node, [input, shape]: readonly (NumberArray | undefined)[]): NumberArray {
  const { dims } = input!;
  const copies = integerAttribute(node, 'allowzero', 0) === 0;
  const target = Array.from(shape!.values)
    .map((size, axis) => (size === 0 && copies ? (dims[axis] ?? 0) : size))
    .filter((size) => size !== 'batch');
  const known = elementCount(target.filter((size) => size !== -1));
  const missing = target.includes(-1) ? elementCount(dims) / known : 1;
  const sizes = target.map((size) => (size === -1 ? missing : size));
  if (elementCount(sizes) !== elementCount(dims) || !sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw malformed(`${node.place}, shape`, `${elementCount(dims)} elements`, `[${target.slice(0, 8)}]`);
  }
  return { ...input!, dims: sizes };
}
