import { axesFrom, integerAttribute, integersAttribute } from './attributes.js';
import {
  activationOf,
  described,
  hasInput,
  type ImportState,
  imageSize,
  inputOf,
  integersInput,
  misfit,
  rowOf,
  type Size,
  setConstant,
  setOutput,
  setSizes,
  sizesOf,
  sizesText,
  type Value,
} from './importState.js';
import { malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { placeOfTensor, tensorShape } from './tensorValues.js';

export function importFlatten(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const axis = integerAttribute(node, 'axis', 1);
  const rank = input.flat ? 2 : 4;
  // Negative ones came with version 11.
  const least = state.opset < 11 ? 0 : -rank;
  if (!(axis >= least && axis <= rank)) throw malformed(`${node.place}, axis`, `${least} to ${rank}`, `${axis}`);
  if ((axis < 0 ? axis + rank : axis) !== 1) {
    throw unsupported(`${node.place}, axis`, '1, a row an image', `${axis} of ${sizesText(state, input)}`);
  }
  setOutput(state, node, { ...input, flat: true });
}

/** Into a row an image, or back into an image. */
export function importReshape(state: ImportState, node: Node): void {
  if (inputOf(state, node, 0).kind !== 'activation') {
    reshapeKnown(state, node);
    return;
  }
  const value = activationOf(state, node, 0);
  const { height, width, channels } = imageSize(state, value);
  const whole = [channels, height, width];
  const elements = productOf(whole);
  const shape = imageShape(state, node, sizesOf(state, value), elements);
  if (shape.length === 1) setOutput(state, node, { ...value, flat: true });
  else if (shape.join() === whole.join()) setOutput(state, node, { ...value, flat: false });
  else if (shape.join() === `${elements},1,1`) {
    setOutput(state, node, { ...rowOf(state, { ...value, flat: true }), flat: false });
  } else {
    const expected = `[N, ${elements}], [N, ${elements}, 1, 1] or [N, ${whole.join(', ')}]`;
    throw unsupported(`${node.place}, shape`, expected, `[N, ${shape.slice(0, 8).join(', ')}]`);
  }
}

/** The sizes that are asked for behind the first axis, which must remain that of the images. */
function imageShape(state: ImportState, node: Node, own: readonly Size[], elements: number): readonly number[] {
  const where = `${node.place}, shape`;
  const target = targetSizes(state, node, own);
  const got = `[${target.slice(0, 8).join(', ')}]`;
  if (target.filter((size) => size === -1).length > 1) throw malformed(where, 'one size of -1', got);
  const [first, ...rest] = target;
  const sizes = rest.filter((size) => size !== 'batch');
  const known = productOf(sizes.filter((size) => size !== -1));
  const isOpen = first === -1;
  const isApart = isOpen ? known === elements : first === 'batch' || first === state.batch;
  if (!isApart || sizes.length < rest.length)
    throw unsupported(where, `${elements} elements of every image apart`, got);
  const missing = sizes.includes(-1) ? elements / known : 1;
  if (!(known > 0 && Number.isSafeInteger(missing) && known * missing === elements)) {
    throw misfit(state, where, `${elements} elements an image`, got);
  }
  return sizes.map((size) => (size === -1 ? missing : size));
}

/** The sizes that a Reshape asks for, with those that it takes over. */
function targetSizes(state: ImportState, node: Node, own: readonly Size[]): readonly Size[] {
  const shape = inputOf(state, node, 1);
  const target = shape.kind === 'sizes' ? shape.sizes : integersInput(state, node, 1);
  const copies = integerAttribute(node, 'allowzero', 0) === 0;
  return target.map((size, axis) => (size === 0 && copies ? (own[axis] ?? size) : size));
}

function productOf(sizes: readonly number[]): number {
  return sizes.reduce((product, size) => product * size, 1);
}

/** A constant of other sizes, or of the same with ones between them; sizes as a list or alone. */
function reshapeKnown(state: ImportState, node: Node): void {
  const own = knownShape(state, node);
  const target = targetSizes(state, node, own).filter((size) => size !== 'batch');
  const known = productOf(target.filter((size) => size !== -1));
  const missing = target.includes(-1) ? productOf(own) / known : 1;
  const sizes = target.map((size) => (size === -1 ? missing : size));
  if (productOf(sizes) !== productOf(own) || !sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw malformed(`${node.place}, shape`, `${productOf(own)} elements`, `[${target.slice(0, 8)}]`);
  }
  setKnown(state, node, sizes);
}

/** The sizes of a first input that does not depend on the images. */
function knownShape(state: ImportState, node: Node): readonly number[] {
  const value = inputOf(state, node, 0);
  if (value.kind === 'sizes') return value.rank === 0 ? [] : [value.sizes.length];
  if (value.kind === 'constant') return tensorShape(value.tensor, placeOfTensor(state.file, node.proto.input[0]!));
  throw unsupported(`${node.place}, input 0`, described.constant, described[value.kind]);
}

/** Makes the node's output its first input, which does not depend on the images, with other sizes. */
function setKnown(state: ImportState, node: Node, dims: readonly number[]): void {
  const value = inputOf(state, node, 0) as Extract<Value, { kind: 'constant' | 'sizes' }>;
  if (value.kind === 'constant') setConstant(state, node, { ...value.tensor, dims: dims.map(BigInt) });
  else if (dims.length > 1) throw unsupported(node.place, 'a list of sizes', `sizes [${dims}]`);
  else setSizes(state, node, value.sizes, dims.length);
}

/** Of one pixel, into a row; of constants and sizes. */
export function importSqueeze(state: ImportState, node: Node): void {
  const axes = axesInput(state, node);
  const where = `${node.place}, axes`;
  if (inputOf(state, node, 0).kind !== 'activation') {
    const own = knownShape(state, node);
    const gone = axes ? axesFrom(where, axes, own.length) : own.flatMap((size, axis) => (size === 1 ? [axis] : []));
    if (gone.some((axis) => own[axis] !== 1)) throw malformed(where, `axes of size 1 of [${own}]`, `[${axes}]`);
    setKnown(
      state,
      node,
      own.filter((_, axis) => !gone.includes(axis)),
    );
    return;
  }
  const input = activationOf(state, node, 0);
  const { height, width } = imageSize(state, input);
  const asked = axesFrom(where, axes ?? [], input.flat ? 2 : 4);
  if (asked.join() !== '2,3') {
    const got = `${axes ? `[${axes}]` : 'none'} of ${sizesText(state, input)}`;
    throw unsupported(where, '[2, 3] of [N, C, 1, 1]', got);
  }
  if (height * width !== 1) throw misfit(state, where, 'axes of size 1', `[${axes}] of ${sizesText(state, input)}`);
  setOutput(state, node, { ...input, flat: true });
}

/** Of a row, into one pixel; of constants and sizes. */
export function importUnsqueeze(state: ImportState, node: Node): void {
  const where = `${node.place}, axes`;
  const axes = axesInput(state, node);
  if (!axes) throw malformed(where, 'a list of axes', 'none');
  if (inputOf(state, node, 0).kind !== 'activation') {
    const own = knownShape(state, node);
    const sizes = own.values();
    const added = axesFrom(where, axes, own.length + axes.length);
    if (added.length < axes.length) throw malformed(where, 'every axis once', `[${axes.slice(0, 8)}]`);
    setKnown(
      state,
      node,
      Array.from({ length: own.length + axes.length }, (_, axis) => (added.includes(axis) ? 1 : sizes.next().value!)),
    );
    return;
  }
  const input = activationOf(state, node, 0);
  const asked = axesFrom(where, axes, (input.flat ? 2 : 4) + axes.length);
  if (!input.flat || asked.join() !== '2,3') {
    throw unsupported(where, '[2, 3] of [N, C]', `[${axes}] of ${sizesText(state, input)}`);
  }
  setOutput(state, node, { ...rowOf(state, input), flat: false });
}

/** The axes of a node, which older versions have as an attribute. */
function axesInput(state: ImportState, node: Node): readonly number[] | undefined {
  return hasInput(node, 1) ? integersInput(state, node, 1) : integersAttribute(node, 'axes');
}
