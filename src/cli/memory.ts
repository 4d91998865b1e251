import { activationBytes, type Footprint, inferenceFootprint, trainingFootprint } from '../graph/footprint.js';
import type { Network } from '../graph/network.js';
import type { Precision } from '../ops/precision.js';
import { type Output, percent, table } from './output.js';

const rows: readonly (readonly [keyof Footprint, string])[] = [
  ['state', 'Parameters and statistics'],
  ['gradients', 'Gradients'],
  ['optimiser', 'Optimiser (SGD; AdamW twice that)'],
  ['input', 'Images and labels'],
  ['filters', 'Filters in float16'],
  ['arena', 'Arena: what passes between operations'],
  ['total', 'All at once'],
];

/** What `summary --memory` says, in a precision. */
export function reportMemory(network: Network, batch: number, precision: Precision, output: Output): void {
  const inference = inferenceFootprint(network, batch, { precision });
  const fastest = inferenceFootprint(network, batch, { precision, memory: 'fastest' });
  const training = trainingFootprint(network, batch, { precision });
  const recompute = trainingFootprint(network, batch, { precision, recompute: true });
  const activations = activationBytes(network, batch, { precision });
  output.emit({ batch, precision, inference, fastest, training, recompute, activations });
  if (output.json) return;

  const columns = [inference, fastest, training, recompute];
  output.say('');
  output.say(`GPU memory at batch ${batch}, in MiB`);
  output.say('');
  const head = ['', precision === 'float16' ? 'In float16' : 'Inference', 'fastest', 'Training', 'recompute'];
  const shown = rows.filter(([key]) => precision === 'float16' || key !== 'filters');
  const body = shown.map(([key, label]) => [label, ...columns.map((footprint) => mebibytes(footprint[key]))]);
  for (const line of table([head, ...body])) output.say(line);
  output.say('');
  const { all, largestNeighbours: neighbours } = activations;
  output.say(
    `The two largest neighbouring activations take ${mebibytes(neighbours)}; the inference arena ${percent(inference.arena / neighbours)} of that.`,
  );
  output.say(
    `The outputs of all layers and their gradients take ${mebibytes(2 * all)}; the training arena ${percent(training.arena / (2 * all))} of that, ${percent(recompute.arena / (2 * all))} with recompute.`,
  );
}

function mebibytes(bytes: number): string {
  return bytes === 0 ? '-' : (bytes / 2 ** 20).toFixed(1);
}
