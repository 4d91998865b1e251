import type { DataSource } from '../protocol.js';
import { type PresetName, presets, type RaceSettings } from './presets.js';

const selects = ['depth', 'width', 'stemStride', 'adjust', 'batch', 'optimiser', 'data'] as const;
const inputs = ['steps', 'learningRate', 'seeds'] as const;
const checks = ['offset', 'deeper', 'distillation', 'half'] as const;

/** What the form says. */
export function readSettings(form: HTMLFormElement): RaceSettings {
  // Disabled fields are left out of FormData, but count here.
  const text = (name: keyof RaceSettings): string => fieldOf(form, name).value;
  const checked = (name: keyof RaceSettings): boolean => (fieldOf(form, name) as HTMLInputElement).checked;
  return {
    data: text('data') as DataSource['kind'],
    depth: Number(text('depth')),
    width: Number(text('width')),
    stemStride: Number(text('stemStride')),
    adjust: text('adjust') as RaceSettings['adjust'],
    offset: checked('offset'),
    batch: Number(text('batch')),
    steps: Number(text('steps')),
    optimiser: text('optimiser') as RaceSettings['optimiser'],
    learningRate: Number(text('learningRate')),
    seeds: Number(text('seeds')),
    deeper: checked('deeper'),
    distillation: checked('distillation'),
    half: checked('half'),
  };
}

/** Makes the form say what is given; a value that a field has no place for leaves it as it is. */
export function writeSettings(form: HTMLFormElement, settings: Partial<RaceSettings>): void {
  for (const name of selects) {
    const field = fieldOf(form, name) as HTMLSelectElement;
    if ([...field.options].some(({ value }) => value === `${settings[name]}`)) field.value = `${settings[name]}`;
  }
  for (const name of inputs) {
    const field = fieldOf(form, name) as HTMLInputElement;
    const before = field.value;
    if (settings[name] !== undefined) field.value = `${settings[name]}`;
    if (!field.checkValidity()) field.value = before;
  }
  for (const name of checks) {
    if (settings[name] !== undefined) (fieldOf(form, name) as HTMLInputElement).checked = settings[name];
  }
}

/** The preset that settings are; none where something was changed. */
export function presetOf(settings: RaceSettings): PresetName | undefined {
  const names = Object.keys(presets) as PresetName[];
  return names.find((name) =>
    Object.entries(presets[name]).every(([key, value]) => settings[key as keyof RaceSettings] === value),
  );
}

function fieldOf(form: HTMLFormElement, name: keyof RaceSettings): HTMLInputElement | HTMLSelectElement {
  return form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
}
