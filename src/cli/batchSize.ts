import type { Network } from '../graph/network.js';

const smallInputs = 200;
const largeInputs = 32;
/** Pixels of a side from which an input counts as large. */
const largeFrom = 128;

/** Images that are evaluated at once where nobody says how many. */
export function usualEvaluationBatch({ input }: Network): number {
  return Math.max(input.height, input.width) < largeFrom ? smallInputs : largeInputs;
}
