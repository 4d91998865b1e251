import { mkdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { createState, writeState } from '../graph/state.js';
import { channelStatistics } from '../io/dataset.js';
import { hasICUnits } from '../models/icForm.js';
import { inheritedParameters } from '../models/initialise.js';
import { summarise } from '../models/summary.js';
import { adapterName, openForCommand } from '../terminal/adapter.js';
import { checkClassNames, loadData } from '../terminal/data.js';
import { grouped, type Output, percent, table } from '../terminal/output.js';
import { requireWritable } from '../terminal/writing.js';
import { restoreState } from '../train/checkpoint.js';
import { loadCheckpoint } from '../train/files.js';
import { checkpointFile, checkpointName } from './checkpointFile.js';
import { type TeachingFlags, teachingOptions } from './distill.js';
import { asIC } from './summary.js';
import { type TrainFlags, trainerOptions } from './trainFlags.js';
import { compileTrainer, test, trainToTheEnd } from './trainingRun.js';

export type UpgradeFlags = Omit<TrainFlags, 'network' | 'resume' | 'width' | 'stemStride'> & TeachingFlags;

/** `icnet upgrade`: a plain checkpoint in, an IC checkpoint out, trained for a while with the plain network as teacher. */
export async function upgrade(given: string, flags: UpgradeFlags, output: Output): Promise<void> {
  const started = performance.now();
  const path = await checkpointFile(given, output);
  const checkpoint = await loadCheckpoint(path);
  const network = icFormOf(checkpoint.network, flags);
  const file = outputFile(path, flags.output);
  await requireWritable('upgrade', '--output', file);
  const data = await loadData(flags.data, network.input, output, flags);
  checkClassNames(data.train, checkpoint.classNames);
  const opened = await openForCommand(flags.adapter, output);
  try {
    const normalisation = checkpoint.normalisation ?? channelStatistics(data.train);
    const teacher = restoreState(opened.device, checkpoint);
    const state = createState(opened.device, network);
    writeState(state, inheritedParameters(network, checkpoint.values, flags.seed));
    const plain = await test(teacher, data.test, normalisation, flags, output);
    const before = await test(state, data.test, normalisation, flags, output);

    const options = trainerOptions(flags, data.train, normalisation);
    const distillation = teachingOptions(flags, teacher, options.steps);
    const { trainer, endTuning } = await compileTrainer(state, { ...options, distillation }, flags, output);
    await mkdir(dirname(file), { recursive: true });
    const run = await trainToTheEnd(trainer, file, flags, output).finally(endTuning);
    const after = run.interrupted ? undefined : await test(state, data.test, normalisation, flags, output);

    const rows: readonly Row[] = [
      { words: `${checkpoint.network.name}, as it was`, network: checkpoint.network, accuracy: plain },
      { words: `${network.name}, before training`, network, accuracy: before },
      { words: `${network.name}, behind ${trainer.step} steps`, network, accuracy: after },
    ];
    for (const line of accuracyTable(rows)) output.say(line);
    output.say(`Checkpoint: ${run.checkpoint}`);
    output.emit({
      event: 'done',
      accuracy: { plain, before, after: after ?? null },
      steps: trainer.step,
      seconds: (performance.now() - started) / 1000,
      checkpoint: run.checkpoint,
      adapter: adapterName(opened.adapter),
    });
    for (const one of [trainer, teacher, state]) one.dispose();
  } finally {
    opened.close();
  }
}

function icFormOf(network: Network, form: Pick<UpgradeFlags, 'adjust' | 'offset'>): Network {
  const isIC = hasICUnits(network);
  const ic = asIC(network, form);
  if (!isIC && hasICUnits(ic)) return { ...ic, name: `ic-${network.name}` };
  throw new UnsupportedError({
    operation: 'upgrade',
    parameter: network.name,
    expected: 'a plain network, whose convolutions become IC',
    got: isIC ? 'IC units already' : 'no convolution',
  });
}

/** Beside the plain checkpoint unless a folder is given. */
function outputFile(path: string, folder: string | undefined): string {
  if (folder !== undefined) return join(folder, checkpointName);
  return join(dirname(path), `${basename(path, extname(path))}-ic${extname(path)}`);
}

interface Row {
  readonly words: string;
  readonly network: Network;
  readonly accuracy: number | undefined;
}

function accuracyTable(rows: readonly Row[]): string[] {
  const cells = rows.map(({ words, network, accuracy }) => {
    const { parameters, multiplyAdds } = summarise(network);
    return [words, accuracy === undefined ? '' : percent(1 - accuracy), grouped(parameters), grouped(multiplyAdds)];
  });
  return table([['Network', 'Test error', 'Parameters', 'Multiply-adds'], ...cells]);
}
