import { NumericError } from '../errors.js';
import type { NetworkState } from '../graph/state.js';
import type { ImageDataset, Normalisation } from '../io/dataset.js';
import { writeAtomically } from '../io/writeAtomically.js';
import { interruptSignal } from '../terminal/interrupt.js';
import { type Output, percent, sayApart } from '../terminal/output.js';
import { progressBar } from '../terminal/progress.js';
import { reasonOf, writeResult } from '../terminal/writing.js';
import { type Checkpoint, encodeCheckpoint, restoreTrainer } from '../train/checkpoint.js';
import { compileEvaluation } from '../train/evaluation.js';
import { createTrainer, type StepReport, type Trainer, type TrainerOptions } from '../train/trainer.js';
import { usualEvaluationBatch } from './batchSize.js';
import type { TrainFlags } from './trainFlags.js';
import { measuringBar, tuneInBackground, tuningOptions } from './tuning.js';

/*
 * A training from its compiling to its test, as the terminal shows it.
 */

/** A training that is ready, and what ends the measuring beside it. */
interface CompiledTrainer {
  readonly trainer: Trainer;
  endTuning(): void;
}

/** Compiles a training, with bars of what is compiled and measured; goes on from a checkpoint where there is one. */
export async function compileTrainer(
  state: NetworkState,
  options: TrainerOptions,
  flags: Pick<TrainFlags, 'tune' | 'tuneBackground'>,
  output: Output,
  resumed?: Checkpoint,
): Promise<CompiledTrainer> {
  const measuring = measuringBar(output);
  let bar: ReturnType<typeof progressBar> | undefined;
  const onProgress: TrainerOptions['onProgress'] = ({ compiled, total }) => {
    bar ??= progressBar('Compiling', total, output);
    bar.update(compiled);
  };
  try {
    let trainer: Trainer | undefined;
    const background = flags.tuneBackground
      ? await tuneInBackground(state.device, () => trainer?.step ?? 0, output)
      : undefined;
    const tuning = background ? { tune: background.tuner } : tuningOptions(flags.tune, measuring, output);
    trainer = await createTrainer(state, { ...options, onProgress, ...tuning });
    if (resumed) restoreTrainer(trainer, resumed);
    return { trainer, endTuning: () => background?.end() };
  } finally {
    measuring.stop();
    bar?.stop();
  }
}

/** A training that was run to its end, or to where it was interrupted. */
export interface Run {
  readonly history: StepReport[];
  /** Where it lies, which is elsewhere than asked where it could not be written there. */
  readonly checkpoint: string;
  readonly interrupted: boolean;
}

/**
 * Trains on, reports every step and saves checkpoints.
 *
 * @throws NumericError naming the last good checkpoint, too.
 */
export async function trainToTheEnd(
  trainer: Trainer,
  checkpoint: string,
  flags: Pick<TrainFlags, 'saveEvery' | 'resume'>,
  output: Output,
): Promise<Run> {
  const { steps, batch, dataset } = trainer.options;
  const history: StepReport[] = [];
  output.say(
    `${trainer.state.network.name} on ${dataset.name}: ${steps} steps of ${batch} images, ${trainer.dispatches} dispatches each`,
  );
  const { distillation } = trainer.options;
  if (distillation) {
    const { teacher, end } = distillation;
    output.say(
      `Taught by ${teacher.network.name} for ${end} steps, ${trainer.distillationDispatches} dispatches more each`,
    );
  }
  const interrupt = interruptSignal(() => sayApart('Stopping behind this step; again to end at once.', output));
  const bar = progressBar('Training', steps, output);
  const onStep = (report: StepReport): void => {
    history.push(report);
    output.emit({ event: 'step', ...report });
    const recent = history.slice(-20);
    const mean = (of: 'loss' | 'accuracy'): number => recent.reduce((sum, step) => sum + step[of], 0) / recent.length;
    bar.update(report.step + 1, `loss ${mean('loss').toFixed(4)}, ${percent(mean('accuracy'))} right`);
  };
  const { normalisation } = trainer.options;
  let lastGood = flags.resume;
  /** Where the checkpoint behind the last step lies. */
  let saved: string | undefined;
  try {
    while (saved === undefined) {
      const untilSave = flags.saveEvery - (trainer.step % flags.saveEvery);
      await trainer.run({ steps: untilSave, signal: interrupt.signal, onStep });
      const isLast = trainer.step >= steps || interrupt.signal.aborted;
      const bytes = await encodeCheckpoint(trainer.state, { trainer, normalisation });
      if (isLast) saved = await writeResult(checkpoint, bytes, output);
      else if (await isSaved(checkpoint, bytes, output)) lastGood = checkpoint;
    }
  } catch (error) {
    throw error instanceof NumericError && lastGood !== undefined ? withLastGood(error, lastGood) : error;
  } finally {
    bar.stop();
    interrupt.release();
  }
  return { history, checkpoint: saved, interrupted: interrupt.signal.aborted };
}

/** Saves on the way; what hinders that is said, and may be gone at the next time. */
async function isSaved(checkpoint: string, bytes: Uint8Array, output: Output): Promise<boolean> {
  try {
    await writeAtomically(checkpoint, bytes);
    return true;
  } catch (error) {
    sayApart(`${checkpoint} cannot be written (${reasonOf(error)}); the training goes on and tries again`, output);
    return false;
  }
}

/** Says which checkpoint is the last good one: what was saved before is left as it is. */
function withLastGood(error: NumericError, checkpoint: string): NumericError {
  const expected = `${error.expected}; the last good checkpoint is ${checkpoint}`;
  return new NumericError({ ...error, expected }, { cause: error });
}

/** The share of a data set's images that a network gets right. */
export async function test(
  state: NetworkState,
  dataset: ImageDataset,
  normalisation: Normalisation,
  flags: Pick<TrainFlags, 'tune'>,
  output: Output,
): Promise<number> {
  const batch = Math.min(usualEvaluationBatch(state.network), dataset.count);
  const measuring = measuringBar(output);
  const tuning = tuningOptions(flags.tune, measuring, output);
  const evaluation = await compileEvaluation(state, { batch, ...tuning }).finally(() => measuring.stop());
  const bar = progressBar('Testing', dataset.count, output);
  try {
    const result = await evaluation.run(dataset, normalisation, { onProgress: (images) => bar.update(images) });
    output.emit({ event: 'eval', ...result });
    return result.accuracy;
  } finally {
    bar.stop();
    evaluation.dispose();
  }
}
