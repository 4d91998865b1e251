import type { DataSource, TrainingSettings } from '../protocol.js';

/** Settings together with the kind of data. */
export interface RaceSettings extends TrainingSettings {
  readonly data: DataSource['kind'];
}

export type PresetName = 'quick' | 'careful' | 'yours';

const quick: RaceSettings = {
  data: 'lit',
  depth: 8,
  width: 4,
  stemStride: 2,
  adjust: 'output',
  offset: false,
  batch: 32,
  steps: 300,
  optimiser: 'adamW',
  learningRate: 0.01,
  seeds: 5,
  deeper: true,
  distillation: false,
  half: false,
};

/** What the page offers before its single settings. */
export const presets: Readonly<Record<PresetName, RaceSettings>> = {
  quick,
  careful: { ...quick, steps: 600, seeds: 10 },
  yours: { ...quick, data: 'files', width: 16, batch: 48, steps: 400, seeds: 3 },
};
