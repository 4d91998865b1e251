import type { TrainingSettings } from '../protocol.js';

/** What the form says. */
export function readSettings(form: HTMLFormElement): TrainingSettings {
  // Disabled fields are left out of FormData, but count here.
  const text = (name: keyof TrainingSettings): string => (form.elements.namedItem(name) as HTMLInputElement).value;
  return {
    depth: Number(text('depth')),
    width: Number(text('width')),
    stemStride: Number(text('stemStride')),
    adjust: text('adjust') as TrainingSettings['adjust'],
    batch: Number(text('batch')),
    steps: Number(text('steps')),
    optimiser: text('optimiser') as TrainingSettings['optimiser'],
    learningRate: Number(text('learningRate')),
    distillation: (form.elements.namedItem('distillation') as HTMLInputElement).checked,
  };
}
