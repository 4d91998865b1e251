import { afterAll, beforeAll, describe, it } from 'vitest';
import { createState } from '../../src/graph/state.js';
import { createTrainer } from '../../src/train/trainer.js';
import { deviceFamilies } from '../networks/familyNetworks.js';
import { nullDevice } from '../support/nullDevice.js';
import { adamW, sgd, smallOptions, stripes } from '../train/smallTraining.js';

/* Whether trainings in float16 are valid as a whole, bindings and their sizes included, on a device that checks them and runs none. */
let device: GPUDevice;
let close: () => void;

beforeAll(async () => {
  ({ device, close } = await nullDevice());
});

afterAll(() => close());

const families = Object.entries(deviceFamilies).flatMap(([family, make]) =>
  [false, true].map((ic) => [`${ic ? 'ic-' : ''}${family}`, make(ic)] as const),
);

describe.each(families)('%s', (_, network) => {
  it.each([
    ['as it is', { optimiser: sgd }],
    [
      'computed again, in parts, its gradients clipped',
      { recompute: true, microBatch: 2, optimiser: { ...adamW, clipNorm: 1 } },
    ],
  ] as const)('is valid %s', async (_, options) => {
    const state = createState(device, network);
    const dataset = stripes(24, { ...network.input, classes: 5 });
    const trainer = await createTrainer(state, smallOptions({ dataset, precision: 'float16', ...options }));
    trainer.dispose();
    state.dispose();
  });
});
