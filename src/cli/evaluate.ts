import { channelStatistics } from '../io/dataset.js';
import { restoreState } from '../train/checkpoint.js';
import { compileEvaluation } from '../train/evaluation.js';
import { loadCheckpoint } from '../train/files.js';
import { adapterName, openForCommand } from './adapter.js';
import { loadData } from './data.js';
import { grouped, type Output, percent } from './output.js';
import { progressBar } from './progress.js';
import { measuringBar, tuningOptions } from './tuning.js';

export interface EvaluateFlags {
  readonly adapter: string;
  readonly data: string;
  readonly batch: number;
  /** Measure first which kernels are fastest. */
  readonly tune: boolean;
}

/** `icnet eval`. */
export async function evaluate(path: string, flags: EvaluateFlags, output: Output): Promise<void> {
  const started = performance.now();
  const checkpoint = await loadCheckpoint(path);
  const data = await loadData(flags.data);
  const opened = await openForCommand(flags.adapter, output);
  try {
    const state = restoreState(opened.device, checkpoint);
    const batch = Math.min(flags.batch, data.test.count);
    const measuring = measuringBar(output);
    const tuning = tuningOptions(flags.tune, measuring, output);
    const evaluation = await compileEvaluation(state, { batch, ...tuning }).finally(() => measuring.stop());
    const bar = progressBar('Testing', data.test.count, output);
    const normalisation = checkpoint.normalisation ?? channelStatistics(data.train);
    const result = await evaluation
      .run(data.test, normalisation, { onProgress: (images) => bar.update(images) })
      .finally(() => bar.stop());
    output.emit({ event: 'eval', ...result });
    output.say(
      `${checkpoint.network.name} on ${data.test.name}: ${percent(result.accuracy)} of ${grouped(result.images)} images right, ` +
        `${percent(result.topAccuracy)} within the first ${result.top}, loss ${result.loss.toFixed(4)}`,
    );
    output.emit({
      event: 'done',
      testAccuracy: result.accuracy,
      steps: checkpoint.training?.step ?? null,
      seconds: (performance.now() - started) / 1000,
      checkpoint: path,
      adapter: adapterName(opened.adapter),
    });
    evaluation.dispose();
    state.dispose();
  } finally {
    opened.close();
  }
}
