import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UnsupportedError } from '../errors.js';
import { type AdjustDistribution, adjustDistributions } from '../graph/adjustDistribution.js';
import { compileInspection, type InspectionResult, type LayerActivity } from '../graph/inspection.js';
import type { Network } from '../graph/network.js';
import { fillSequential } from '../io/batches.js';
import { channelStatistics, type Normalisation } from '../io/dataset.js';
import { decodePicture } from '../io/decodePicture.js';
import { encodePng } from '../io/encodePng.js';
import { fileName } from '../io/fileName.js';
import { pictureInput } from '../io/picture.js';
import type { PrecisionOptions } from '../ops/precision.js';
import { openForCommand } from '../terminal/adapter.js';
import { loadData, type ReadLimits } from '../terminal/data.js';
import { type Output, percent, table } from '../terminal/output.js';
import { requireWritable, writeResult } from '../terminal/writing.js';
import { type Checkpoint, restoreState } from '../train/checkpoint.js';
import { drawActivity } from './activityMap.js';
import { readCheckpoint } from './checkpointFile.js';

export interface InspectFlags extends ReadLimits, PrecisionOptions {
  readonly adapter: string;
  readonly data: string;
  /** Of the test image to look at, where no picture is given. */
  readonly index: number;
  readonly output: string;
}

/** `icnet inspect`. */
export async function inspect(
  path: string,
  picture: string | undefined,
  flags: InspectFlags,
  output: Output,
): Promise<void> {
  const checkpoint = await readCheckpoint(path, output);
  const { network, values } = checkpoint;
  const adjusts = adjustDistributions(network, values);
  if (adjusts.length === 0) throw withoutUnits(network);
  await requireWritable('inspect', '--output', join(flags.output, 'map.png'));
  const image =
    picture === undefined ? await testImage(checkpoint, flags, output) : await pictureImage(checkpoint, picture, flags);
  const { device, close } = await openForCommand(flags.adapter, output);
  try {
    const state = restoreState(device, checkpoint);
    const inspection = await compileInspection(state, { batch: 1, precision: flags.precision ?? 'float32' });
    const result = await inspection.run(image);
    inspection.dispose();
    state.dispose();
    report(result, adjusts, values, output);
    const files = await writeMaps(result.layers, flags.output, output);
    output.say(`Maps of where the second term fires, dark for no filter, bright for all: ${dirname(files[0]!)}`);
    output.emit({ event: 'done', logits: [...result.logits], files });
  } finally {
    close();
  }
}

function withoutUnits(network: Network): UnsupportedError {
  const expected = 'a network with IC convolutions; icnet upgrade makes one of a plain checkpoint';
  return new UnsupportedError({ operation: 'inspect', parameter: network.name, expected, got: 'plain ones alone' });
}

async function testImage(
  { network, normalisation }: Checkpoint,
  { data, index, ...limits }: InspectFlags,
  output: Output,
): Promise<Float32Array> {
  const { train, test } = await loadData(data, network.input, output, limits);
  const { height, width, channels } = network.input;
  const image = new Float32Array(height * width * channels);
  fillSequential(test, index, 1, normalisation ?? channelStatistics(train), image, new Uint32Array(1));
  return image;
}

/** The middle of a picture, as large as the network's input. */
async function pictureImage(
  { network, normalisation }: Checkpoint,
  path: string,
  limits: ReadLimits,
): Promise<Float32Array> {
  const { height, width, channels } = network.input;
  const transform = { resize: Math.max(height, width), crop: { height, width } };
  return pictureInput(await decodePicture(path, limits), transform, normalisation ?? evenly(channels));
}

/** Pixels from -1 to 1, for checkpoints that do not say what they were trained with. */
function evenly(channels: number): Normalisation {
  return { mean: Array(channels).fill(0.5), deviation: Array(channels).fill(0.5) };
}

function report(
  { layers }: InspectionResult,
  adjusts: readonly AdjustDistribution[],
  values: Checkpoint['values'],
  output: Output,
): void {
  const hasOffsets = layers.some(({ layer }) => values.has(`${layer}.offset`));
  const rows = layers.map((activity, index) => {
    const { layer, height, width, filters, share, filterShares } = activity;
    const adjust = adjusts[index]!;
    const offset = values.get(`${layer}.offset`);
    output.emit({
      event: 'layer',
      ...{ layer, height, width, filters, share, filterShares: [...filterShares] },
      adjust: { ...adjust, values: [...adjust.values] },
      ...(offset && { offset: [...offset] }),
    });
    const sorted = [...filterShares].sort((a, b) => a - b);
    return [
      layer,
      `${height} x ${width} x ${filters}`,
      percent(share),
      `${percent(sorted[0]!)} to ${percent(sorted.at(-1)!)}`,
      ...adjust.quantiles.map((value) => (value * adjust.filterElements).toFixed(3)),
      ...(hasOffsets ? [offset ? rangeOf(offset) : ''] : []),
    ];
  });
  const header = ['Layer', 'Output', 'Fires', 'By filter', 'adjust: min', '25 %', 'median', '75 %', 'max'];
  for (const line of table([[...header, ...(hasOffsets ? ['offset'] : [])], ...rows])) output.say(line);
  output.say('adjust is given times the elements of a filter: at 1 the threshold is the mean under the window.');
  output.say('');
  for (const line of histogram(adjusts)) output.say(line);
}

function rangeOf(values: Float32Array): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `${sorted[0]!.toFixed(3)} to ${sorted.at(-1)!.toFixed(3)}`;
}

const bins = 12;
const widestBar = 48;

/** All layers' weights, times the elements of a filter, as bars of characters. */
function histogram(adjusts: readonly AdjustDistribution[]): string[] {
  const values = adjusts.flatMap((one) => Array.from(one.values, (value) => value * one.filterElements));
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const step = (high - low) / bins || 1;
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(Math.floor((value - low) / step), bins - 1)]!++;
  const most = Math.max(...counts);
  const rows = counts.map((count, index) => [
    (low + (index + 0.5) * step).toFixed(3),
    String(count),
    '#'.repeat(Math.round((count / most) * widestBar)).padEnd(widestBar),
  ]);
  return table([['adjust', 'filters', ''.padEnd(widestBar)], ...rows]);
}

async function writeMaps(layers: readonly LayerActivity[], folder: string, output: Output): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (const [index, { layer, maps, height, width }] of layers.entries()) {
    const name = `${String(index + 1).padStart(2, '0')}-${fileName(layer)}.png`;
    const picture = await encodePng(drawActivity(maps, height, width));
    files.push(await writeResult(join(folder, name), picture, output));
  }
  return files;
}
