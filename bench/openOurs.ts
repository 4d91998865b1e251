import type { Ours } from '../src/compare/ours.js';
import type { Precision } from '../src/ops/precision.js';
import { fileTuningStore } from '../src/tune/fileStore.js';
import { tune } from '../src/tune/tune.js';

/** Ours on a device; tuned choices are remembered where the command line remembers them. */
export function openOurs(device: GPUDevice, tuned: boolean, precision: Precision): Ours {
  if (!tuned) return { device, precision };
  const store = fileTuningStore();
  return { device, precision, tune: (on, planner) => tune(on, planner, { store }) };
}
