import { axesFrom, integerAttribute } from './attributes.js';
import { activationOf, constantOf, type ImportState, setSizes, sizesInput, sizesOf } from './importState.js';
import { malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { integersOf, tensorShape } from './tensorValues.js';

/*
 * Exporters write `x.view(x.size(0), -1)` as a computation: Shape, Gather, Unsqueeze, Concat, Reshape. The sizes in it are
 * known but for the number of images, so it is done here.
 */

export function importShape(state: ImportState, node: Node): void {
  const sizes = sizesOf(state, activationOf(state, node, 0));
  const start = integerAttribute(node, 'start', 0);
  const end = integerAttribute(node, 'end', sizes.length);
  setSizes(state, node, sizes.slice(start, end));
}

/** Some of the sizes. */
export function importGather(state: ImportState, node: Node): void {
  const { sizes, rank } = sizesInput(state, node, 0);
  axesFrom(`${node.place}, axis`, [integerAttribute(node, 'axis', 0)], rank);
  const { tensor, place } = constantOf(state, node, 1);
  const shape = tensorShape(tensor, place);
  if (shape.length > 1) throw unsupported(`${node.place}, input 1`, 'an index, or a list of them', `[${shape}]`);
  const gathered = integersOf(tensor, place).map((index) => {
    const size = sizes.at(index);
    if (size === undefined) throw malformed(node.place, `an index within ${sizes.length} sizes`, `${index}`);
    return size;
  });
  setSizes(state, node, gathered, shape.length);
}

/** Lists one behind the other. */
export function concatSizes(state: ImportState, node: Node, axis: number): void {
  const lists = node.proto.input.map((_, index) => sizesInput(state, node, index));
  for (const { rank } of lists) axesFrom(`${node.place}, axis`, [axis], rank);
  setSizes(
    state,
    node,
    lists.flatMap(({ sizes }) => sizes),
  );
}
