import { call } from '../engine.js';
import type { ModelDescription, ModelName } from '../protocol.js';
import { create } from './dom.js';
import { displayName } from './names.js';

const origins: Record<ModelName, string> = {
  shipped: 'comes with the page',
  ic: 'in training here',
  plain: 'in training here',
  deep: 'in training here',
  file: 'from your file',
};

/** Lists the networks that there are now in a select; what was chosen stays, or `preferred` is where it is gone. */
export async function fillModels(
  select: HTMLSelectElement,
  preferred: ModelName,
): Promise<readonly ModelDescription[]> {
  const models = await call('listModels');
  const options = models.map((model) => ({ value: model.name, textContent: labelOf(model) }));
  const known = [...select.options].map(({ value, textContent }) => ({ value, textContent }));
  if (JSON.stringify(options) !== JSON.stringify(known)) {
    select.replaceChildren(...options.map((option) => create('option', option)));
  }
  if (models.some(({ name }) => name === preferred)) select.value = preferred;
  return models;
}

function labelOf({ name, network }: ModelDescription): string {
  return `${displayName(network)}, ${origins[name]}`;
}
