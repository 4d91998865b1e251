import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkParameters } from '../../src/graph/parameters.js';
import { imageNetResNet } from '../../src/models/resnet.js';
import { goldenParameters, nchwToNhwc, uniform } from '../golden/load.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { trainOnDevice } from './deviceRun.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

/** What PyTorch says of the step in float64; made by test/pytorch/training_step.py. */
const step = JSON.parse(readFileSync(new URL('../golden/ic_resnet50_step.json', import.meta.url), 'utf8')) as {
  readonly input: readonly [number, number, number, number];
  readonly input_seed: number;
  readonly loss: number;
  /** `rounding` is how far disturbed parameters take the norm, as a share of it. */
  readonly gradients: Readonly<Record<string, { readonly norm: number; readonly rounding: number }>>;
};

describe('a training step of IC-ResNet-50 at full size', () => {
  it("has the loss and the gradients of PyTorch's", async () => {
    const [batch, channels, height, width] = step.input;
    const network = imageNetResNet({ depth: 50, ic: true });
    expect(network.input).toEqual({ height, width, channels });
    const specs = networkParameters(network);
    const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
    const { values } = await trainOnDevice(device, {
      network,
      start: goldenParameters([...shapes.keys()], (name) => shapes.get(name)!),
      images: nchwToNhwc(uniform(batch * channels * height * width, step.input_seed), step.input),
      labels: Uint32Array.from({ length: batch }, (_, i) => (7 * i) % 1000),
      sgd: { learningRate: 0, momentum: 0, weightDecay: 0, nesterov: false },
      steps: 1,
    });
    const [loss] = Array.from(values.get('losses')!);
    process.stdout.write(`  loss off by ${(loss! / step.loss - 1).toExponential(1)}\n`);
    expect(Math.abs(loss! / step.loss - 1)).toBeLessThan(1e-4);
    for (const [name, { norm, rounding }] of Object.entries(step.gradients)) {
      const got = Math.sqrt(Array.from(values.get(`grad.${name}`)!).reduce((sum, value) => sum + value * value, 0));
      process.stdout.write(`  |gradient of ${name}| off by ${(got / norm - 1).toExponential(1)}\n`);
      // The safety of test/support/rounding.ts, and the rounding of the sum itself.
      expect(Math.abs(got / norm - 1), name).toBeLessThan(4 * rounding + 1e-6);
    }
  });
});
