import { integerAttribute } from './attributes.js';
import { activationOf, type ImportState, integersInput, setSizes, sizesInput, sizesOf } from './importState.js';
import { malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';

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
  if (integerAttribute(node, 'axis', 0) !== 0) throw unsupported(`${node.place}, axis`, '0', 'another one');
  const sizes = sizesInput(state, node, 0);
  const gathered = integersInput(state, node, 1).map((index) => {
    const size = sizes.at(index);
    if (size === undefined) throw malformed(node.place, `an index within ${sizes.length} sizes`, `${index}`);
    return size;
  });
  setSizes(state, node, gathered);
}
