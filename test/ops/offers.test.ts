import { describe, expect, it, vi } from 'vitest';
import { planInference } from '../../src/graph/inferencePlan.js';
import { planTraining } from '../../src/graph/trainingPlan.js';
import { networkByName } from '../../src/models/networkByName.js';
import { offer } from '../../src/ops/offers.js';
import type { DeviceTraits } from '../../src/ops/traits.js';

const network = networkByName('ic-resnet8');
const plans: Readonly<Record<string, (traits: DeviceTraits) => unknown>> = {
  inference: (traits) => planInference(network, 2, {}, traits),
  'the fastest inference': (traits) => planInference(network, 2, { memory: 'fastest' }, traits),
  training: (traits) => planTraining(network, 2, {}, traits),
};

/** Plans as they can be compared: without their functions. */
const asText = (plan: unknown): string => JSON.stringify(plan);

describe('offers that are remembered', () => {
  it.each([
    ['a GPU', { subgroup: 32, half: true }],
    ['SwiftShader', { subgroup: 4, software: true }],
    ['llvmpipe', { subgroup: 8, software: true, textures: true }],
  ])('change no plan for %s, in whatever order networks are planned', (_, traits) => {
    const offers = new Map();
    for (const plan of [...Object.values(plans), ...Object.values(plans).reverse()]) {
      expect(asText(plan({ ...traits, offers }))).toBe(asText(plan(traits)));
    }
    expect(offers.size).toBeGreaterThan(10);
  });

  it('are counted out once, for each operation and each set of traits', () => {
    const count = vi.fn(() => []);
    const offers = new Map();
    offer({ offers }, 'one', count);
    offer({ offers }, 'one', count);
    expect(count).toHaveBeenCalledTimes(1);
    offer({ offers }, 'other', count);
    offer({ offers, scratch: 0 }, 'one', count);
    offer({}, 'one', count);
    expect(count).toHaveBeenCalledTimes(4);
  });
});
