import { fileTuningStore } from '../src/tune/fileStore.js';
import { tune } from '../src/tune/tune.js';
import type { Ours } from './ours.js';

/** Ours on a device; tuned choices are remembered where the command line remembers them. */
export function openOurs(device: GPUDevice, tuned: boolean): Ours {
  if (!tuned) return { device };
  const store = fileTuningStore();
  return { device, tune: (on, planner) => tune(on, planner, { store }) };
}
