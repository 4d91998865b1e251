import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { createState, type NetworkState, writeState } from '../graph/state.js';
import { channelStatistics, type ImageDataset, type Normalisation } from '../io/dataset.js';
import { fileName } from '../io/fileName.js';
import { initialParameters } from '../models/initialise.js';
import { networkByName } from '../models/networkByName.js';
import { adapterName, openForCommand } from '../terminal/adapter.js';
import { checkClassNames, loadData } from '../terminal/data.js';
import { type Output, percent } from '../terminal/output.js';
import { terminalText } from '../terminal/terminal.js';
import { requireWritable, writeResult } from '../terminal/writing.js';
import { type Checkpoint, restoreState } from '../train/checkpoint.js';
import type { DistillationOptions } from '../train/distillation.js';
import type { TrainerOptions } from '../train/trainer.js';
import { isAuxiliary, publishedNormalisation } from '../weights/published.js';
import { openWeights } from '../weights/weightsFile.js';
import { checkpointFile, checkpointName, readCheckpoint } from './checkpointFile.js';
import { drawCurves } from './curves.js';
import { isMoment, loadWithBar, openSource } from './model.js';
import { namedNetwork } from './summary.js';
import { type TrainFlags, trainerOptions } from './trainFlags.js';
import { compileTrainer, test, trainToTheEnd } from './trainingRun.js';

/** What a teacher brings into a training. */
export interface Guidance {
  readonly checkpoint: Checkpoint;
  /** Of a training of this many steps. */
  readonly distillation: (teacher: NetworkState, steps: number) => DistillationOptions;
  /** What a fresh student starts from; what `train` starts from where left out. */
  readonly start?: (student: Network) => ReadonlyMap<string, Float32Array>;
}

/** `icnet train`, and with a teacher `icnet distill`. */
export async function train(flags: TrainFlags, output: Output, guidance?: Guidance): Promise<void> {
  const started = performance.now();
  const resumed = flags.resume === undefined ? undefined : await readCheckpoint(flags.resume, output);
  const like = resumed ?? guidance?.checkpoint;
  const size = flags.input ?? like?.network.input ?? networkByName(flags.network).input;
  const folder = flags.output ?? join('runs', fileName(resumed?.network.name ?? networkByName(flags.network).name));
  const [checkpoint, curves] = [join(folder, checkpointName), join(folder, 'curves.svg')];
  for (const path of [checkpoint, curves]) await requireWritable('train', '--output', path);
  const data = await loadData(flags.data, size, output, flags);
  checkClassNames(data.train, like?.classNames);
  if (flags.input) checkInput(data.train, flags.input);
  const opened = await openForCommand(flags.adapter, output);
  try {
    const known = resumed?.normalisation ?? guidance?.checkpoint.normalisation;
    const normalisation = known ?? normalisationOf(data.train, networkByName(flags.network), flags);
    const state = resumed
      ? restoreState(opened.device, resumed)
      : await freshState(opened.device, flags, data.train, output, guidance?.start);
    const teacher = guidance && restoreState(opened.device, guidance.checkpoint);
    const options = withTeacher(trainerOptions(flags, data.train, normalisation), guidance, teacher);
    await mkdir(folder, { recursive: true });
    const { trainer, endTuning } = await compileTrainer(state, options, flags, output, resumed);
    const run = await trainToTheEnd(trainer, checkpoint, flags, output).finally(endTuning);

    const accuracy = run.interrupted ? undefined : await test(state, data.test, normalisation, flags, output);
    const tests = accuracy === undefined ? [] : [{ step: trainer.step, accuracy }];
    const title = terminalText(`${state.network.name} on ${data.train.name}`);
    const drawn = run.history.length > 0 ? drawCurves({ title, steps: run.history, tests }) : undefined;
    const drawnAt = drawn && (await writeResult(curves, drawn, output));
    const seconds = (performance.now() - started) / 1000;
    output.say(`Checkpoint: ${run.checkpoint}`);
    if (drawnAt) output.say(`Curves: ${drawnAt}`);
    output.say(
      accuracy === undefined
        ? `Stopped behind step ${trainer.step} of ${trainer.options.steps}; go on with --resume ${run.checkpoint}`
        : `${percent(accuracy)} of ${data.test.count.toLocaleString('en-US')} test images right, after ${trainer.step} steps and ${seconds.toFixed(1)} s`,
    );
    output.emit({
      event: 'done',
      testAccuracy: accuracy ?? null,
      steps: trainer.step,
      seconds,
      checkpoint: run.checkpoint,
      adapter: adapterName(opened.adapter),
    });
    trainer.dispose();
    teacher?.dispose();
    state.dispose();
  } finally {
    opened.close();
  }
}

/** A size is for pictures; other data has its own. */
function checkInput(dataset: ImageDataset, { height, width, channels }: Network['input']): void {
  const own = `${dataset.height}x${dataset.width}x${dataset.channels}`;
  const asked = `${height}x${width}x${channels}`;
  if (own === asked) return;
  const expected = `the ${own} of ${dataset.name}; only pictures become another size`;
  throw new UnsupportedError({ operation: 'train', parameter: '--input', expected, got: asked });
}

function withTeacher(
  options: TrainerOptions,
  guidance: Guidance | undefined,
  teacher: NetworkState | undefined,
): TrainerOptions {
  if (!guidance || !teacher) return options;
  return { ...options, distillation: guidance.distillation(teacher, options.steps) };
}

/** Weights from elsewhere expect pictures as torchvision's networks do; a fresh network expects what its data is like. */
function normalisationOf(dataset: ImageDataset, network: Network, { weights }: TrainFlags): Normalisation {
  return weights !== undefined && dataset.channels === 3 ? publishedNormalisation(network) : channelStatistics(dataset);
}

async function freshState(
  device: GPUDevice,
  flags: TrainFlags,
  dataset: ImageDataset,
  output: Output,
  start: Guidance['start'] = (network) => initialParameters(network, flags.seed),
): Promise<NetworkState> {
  const { height, width, channels, classes } = dataset;
  const network: Network = namedNetwork(flags.network, { ...flags, input: { height, width, channels }, classes });
  const state = createState(device, network);
  if (flags.weights === undefined) {
    writeState(state, start(network));
    return state;
  }
  const { seed, replaceHead = false, freshAdjust = false } = flags;
  const file = await openWeights(await openSource(await checkpointFile(flags.weights, output)));
  const fresh = (name: string): boolean => freshAdjust && /\.(adjust|offset)$/.test(name);
  await loadWithBar(
    state,
    file,
    { seed, replaceHead, fresh, unused: (name) => isMoment(name) || isAuxiliary(name) },
    output,
  );
  return state;
}
