import { seededState, uniformValues, type Values } from '../src/compare/values.js';
import { elementCount } from '../src/graph/parameters.js';
import { networkByName } from '../src/models/networkByName.js';
import { createOutput } from '../src/terminal/output.js';

/** The one inference of a cold start. */
export const coldNetwork = networkByName('ic-resnet50');

/** Its parameters and input, the same in every process. */
export function coldValues(): { readonly state: Map<string, Float32Array>; readonly images: Values } {
  const { height, width, channels } = coldNetwork.input;
  return { state: seededState(coldNetwork, 1), images: uniformValues(elementCount([height, width, channels]), 5) };
}

/** Tells the parent process that the logits are there. */
export function reportLogits(logits: Float32Array): void {
  createOutput(true).emit([...logits]);
}
