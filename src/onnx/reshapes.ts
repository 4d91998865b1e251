import { integerAttribute, integersAttribute } from './attributes.js';
import {
  type Activation,
  activationOf,
  hasInput,
  type ImportState,
  imageSize,
  inputOf,
  integersInput,
  setConstant,
  setOutput,
  sizesInput,
  sizesOf,
} from './importState.js';
import { malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { placeOfTensor, tensorShape } from './tensorValues.js';

export function importFlatten(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const axis = integerAttribute(node, 'axis', 1);
  const rank = input.flat ? 2 : 4;
  if ((axis < 0 ? axis + rank : axis) !== 1) throw unsupported(`${node.place}, axis`, '1', `${axis}`);
  setOutput(state, node, { ...input, flat: true });
}

/** Into a row an image, or back into an image. */
export function importReshape(state: ImportState, node: Node): void {
  const value = inputOf(state, node, 0);
  if (value.kind !== 'activation') {
    reshapeConstant(state, node, integersInput(state, node, 1));
    return;
  }
  const { height, width, channels } = imageSize(state, value);
  const whole = [channels, height, width];
  const shape = imageShape(state, node, value, channels * height * width);
  if (shape.length === 1) setOutput(state, node, { ...value, flat: true });
  else if (shape.join() === whole.join()) setOutput(state, node, { ...value, flat: false });
  else throw unsupported(node.place, `rows, or [N, ${whole.join(', ')}]`, `[N, ${shape.slice(0, 8).join(', ')}]`);
}

/** The sizes that are asked for behind the first axis, which must remain that of the images. */
function imageShape(state: ImportState, node: Node, value: Activation, elements: number): readonly number[] {
  const own = sizesOf(state, value);
  const copies = integerAttribute(node, 'allowzero', 0) === 0;
  const target = sizesInput(state, node, 1).map((size, axis) => (size === 0 && copies ? (own[axis] ?? size) : size));
  const got = `[${target.slice(0, 8).join(', ')}]`;
  const [first, ...rest] = target;
  const isOpen = first === -1;
  if (!isOpen && first !== 'batch' && first !== state.batch) throw unsupported(node.place, 'every image apart', got);
  const sizes = rest.filter((size) => size !== 'batch');
  const open = sizes.filter((size) => size === -1).length;
  const known = productOf(sizes.filter((size) => size !== -1));
  if (sizes.length < rest.length || (isOpen && open > 0)) throw unsupported(node.place, 'every image apart', got);
  if (open > 1 || known <= 0 || elements % known !== 0 || (open === 0 && known !== elements)) {
    throw malformed(node.place, `${elements} elements an image`, got);
  }
  return sizes.map((size) => (size === -1 ? elements / known : size));
}

function productOf(sizes: readonly number[]): number {
  return sizes.reduce((product, size) => product * size, 1);
}

/** A constant of other sizes, or of the same with ones between them. */
function reshapeConstant(state: ImportState, node: Node, target: readonly number[]): void {
  const value = inputOf(state, node, 0);
  if (value.kind !== 'constant') throw unsupported(node.place, 'a constant or an activation', value.kind);
  const own = tensorShape(value.tensor, placeOfTensor(state.file, node.proto.input[0]!));
  const sizes = target.map((size, axis) => (size === 0 ? (own[axis] ?? 0) : size));
  const known = productOf(sizes.filter((size) => size !== -1));
  const dims = sizes.map((size) => (size === -1 ? productOf(own) / known : size));
  if (productOf(dims) !== productOf(own) || !dims.every(Number.isSafeInteger)) {
    throw malformed(node.place, `${productOf(own)} elements`, `[${target.slice(0, 8)}]`);
  }
  setConstant(state, node, { ...value.tensor, dims: dims.map(BigInt) });
}

/** Of one pixel, into a row. */
export function importSqueeze(state: ImportState, node: Node): void {
  const value = inputOf(state, node, 0);
  if (value.kind === 'sizes') {
    setOutput(state, node, value);
    return;
  }
  const input = activationOf(state, node, 0);
  const { height, width } = imageSize(state, input);
  const axes = axesOf(state, node, 4);
  if (input.flat || axes.join() !== '2,3' || height * width !== 1) {
    throw unsupported(
      node.place,
      'axes [2, 3] of one pixel',
      `axes [${axes}] of [${sizesOf(state, input).join(', ')}]`,
    );
  }
  setOutput(state, node, { ...input, flat: true });
}

/** Of a row, into one pixel; of sizes, into a list; of constants. */
export function importUnsqueeze(state: ImportState, node: Node): void {
  const value = inputOf(state, node, 0);
  if (value.kind === 'sizes') {
    setOutput(state, node, value);
    return;
  }
  if (value.kind === 'constant') {
    const own = tensorShape(value.tensor, placeOfTensor(state.file, node.proto.input[0]!));
    const dims = [...own];
    for (const axis of axesOf(state, node, own.length)) dims.splice(axis, 0, 1);
    setConstant(state, node, { ...value.tensor, dims: dims.map(BigInt) });
    return;
  }
  const input = activationOf(state, node, 0);
  const { height, width } = imageSize(state, input);
  const axes = axesOf(state, node, 4);
  if (!input.flat || axes.join() !== '2,3' || height * width !== 1) {
    throw unsupported(node.place, 'axes [2, 3] of a row', `axes [${axes}] of [${sizesOf(state, input).join(', ')}]`);
  }
  setOutput(state, node, { ...input, flat: false });
}

function axesOf(state: ImportState, node: Node, rank: number): readonly number[] {
  const axes = hasInput(node, 1) ? integersInput(state, node, 1) : (integersAttribute(node, 'axes') ?? []);
  return axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
}
