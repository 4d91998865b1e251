import type { TrainingSettings } from '../protocol.js';

/** What the form says. */
export function readSettings(form: HTMLFormElement): TrainingSettings {
  // Disabled fields are left out of FormData, but count here.
  const field = (name: keyof TrainingSettings) => form.elements.namedItem(name) as HTMLInputElement;
  const text = (name: keyof TrainingSettings): string => field(name).value;
  return {
    depth: Number(text('depth')),
    width: Number(text('width')),
    stemStride: Number(text('stemStride')),
    adjust: text('adjust') as TrainingSettings['adjust'],
    batch: Number(text('batch')),
    steps: Number(text('steps')),
    optimiser: text('optimiser') as TrainingSettings['optimiser'],
    learningRate: Number(text('learningRate')),
    distillation: field('distillation').checked,
    half: field('half').checked,
  };
}
