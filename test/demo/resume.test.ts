import { describe, expect, it } from 'vitest';
import { drawnDigits } from '../../src/demo/data/digits.js';
import type { TrainingSettings } from '../../src/demo/protocol.js';
import { settingsNetworks } from '../../src/demo/worker/networks.js';
import { resumedTask } from '../../src/demo/worker/resume.js';
import { cifarResNet } from '../../src/models/resnet.js';
import type { Checkpoint } from '../../src/train/checkpoint.js';

const settings: TrainingSettings = {
  depth: 8,
  width: 16,
  stemStride: 2,
  adjust: 'output',
  offset: false,
  batch: 48,
  steps: 400,
  optimiser: 'adamW',
  learningRate: 0.01,
  seeds: 5,
  deeper: true,
  distillation: false,
  half: false,
};
/** Of what goes on from checkpoints. */
const single = { ...settings, seeds: 1, deeper: false };
const train = drawnDigits('drawn', 4, 1);
const data = { train, test: train, classes: [], notes: [] };
const training = { step: 7, steps: 90, seed: 5, batch: 16, dataset: 'drawn', optimiser: 'sgd' } as const;

const ic = settingsNetworks({ ...settings, depth: 14, width: 4, adjust: 'input' }, train).ic;
const plain = settingsNetworks({ ...settings, depth: 14, width: 4 }, train).plain;

function checkpoint(content: Partial<Checkpoint>): Checkpoint {
  return { network: ic, values: new Map(), moments: new Map(), ...content };
}

describe('The networks of a training', () => {
  it('are those of the settings', () => {
    const options = { depth: 8, width: 16, stemStride: 2, input: { height: 28, width: 28, channels: 1 }, classes: 10 };
    const networks = settingsNetworks({ ...settings, adjust: 'input' }, train);
    expect(networks.ic).toEqual(cifarResNet({ ...options, ic: true, adjust: 'input' }));
    expect(networks.plain).toEqual(cifarResNet({ ...options, ic: false }));
    expect(networks.deep).toEqual(cifarResNet({ ...options, depth: 14, ic: false }));
    expect(settingsNetworks({ ...settings, deeper: false }, train)).not.toHaveProperty('deep');
  });

  it('are, from one checkpoint, its network and the other form of it', () => {
    const fromIC = resumedTask([checkpoint({ network: ic })], settings, 1, data).networks;
    expect(fromIC).toEqual({ ic, plain });
    const fromPlain = resumedTask([checkpoint({ network: plain })], { ...settings, adjust: 'input' }, 1, data).networks;
    expect(fromPlain).toEqual({ ic, plain });
  });
});

describe('A training from checkpoints', () => {
  it('takes what they say, and the rest from the settings, as one race of two', () => {
    const task = resumedTask([checkpoint({ training })], settings, 1, data);
    expect(task.seed).toBe(5);
    expect(task.settings).toEqual({ ...single, batch: 16, steps: 90, optimiser: 'sgd' });
    expect(resumedTask([checkpoint({})], settings, 1, data)).toMatchObject({ seed: 1, settings: single });
    const mixed = checkpoint({ training: { ...training, precision: 'float16' } });
    expect(resumedTask([mixed], settings, 1, data).settings.half).toBe(true);
  });

  it('has a teacher where the IC network had one, whatever the settings and the teacher say', () => {
    const pupil = checkpoint({ training: { ...training, distillation: 'mse' } });
    const teacher = checkpoint({ network: plain, training });
    const teaches = (...checkpoints: Checkpoint[]): boolean =>
      resumedTask(checkpoints, settings, 1, data).settings.distillation;
    expect([teaches(pupil), teaches(pupil, teacher), teaches(teacher, pupil)]).toEqual([true, true, true]);
    expect(teaches(teacher)).toBe(false);
    const alone = resumedTask([checkpoint({ training })], { ...settings, distillation: true }, 1, data);
    expect(alone.settings.distillation).toBe(false);
  });
});
