import type { CompileOptions } from '../graph/compile.js';
import type { Output } from '../terminal/output.js';
import { type Progress, progressBar } from '../terminal/progress.js';
import { type BackgroundTuner, backgroundTuner } from '../tune/background.js';
import { fileTuningStore } from '../tune/fileStore.js';
import type { TuningStore } from '../tune/store.js';
import type { TuneProgress } from '../tune/tune.js';

/** The store in the user's cache folder; what it cannot read or write is said. */
export function cachedTuning(output: Output): TuningStore {
  return fileTuningStore({ onWarning: (message) => output.say(message) });
}

/** A bar of the operations that are measured. */
export interface MeasuringBar {
  onProgress(progress: TuneProgress): void;
  stop(): void;
}

export function measuringBar(output: Output): MeasuringBar {
  let bar: Progress | undefined;
  return {
    onProgress({ tuned, total, key }) {
      bar ??= progressBar('Measuring', total, output);
      bar.update(tuned, key);
      if (tuned === total) bar.stop();
    },
    stop: () => bar?.stop(),
  };
}

/** Measuring beside a training. */
export interface BackgroundTuning {
  readonly tuner: BackgroundTuner;
  /** Ends it, and says what it came to. */
  end(): void;
}

/** @param step - the next one, for reports */
export async function tuneInBackground(
  device: GPUDevice,
  step: () => number,
  output: Output,
): Promise<BackgroundTuning> {
  const controller = new AbortController();
  let measured = 0;
  let swapped = 0;
  const tuner = await backgroundTuner(device, {
    store: cachedTuning(output),
    signal: controller.signal,
    onProgress({ tuned }) {
      measured = tuned;
    },
    onSwap(swap) {
      swapped++;
      output.emit({ event: 'swap', step: step(), ...swap });
    },
  });
  return {
    tuner,
    end() {
      controller.abort();
      output.say(`Measured meanwhile: ${measured} operations, of which ${swapped} took another form`);
    },
  };
}

/** How a command has its kernels chosen: as remembered, after measuring what is not known yet where that is wanted. */
export function tuningOptions(
  measured: boolean,
  bar: MeasuringBar,
  output: Output,
): Pick<CompileOptions, 'tune' | 'tuning'> {
  return { tuning: cachedTuning(output), tune: measured && { onProgress: bar.onProgress } };
}
