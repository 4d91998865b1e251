import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeTestDevice, testDevice } from '../support/device.js';
import { torchvisionModels } from './fetch.js';
import { compareWithRuntime } from './run.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const taken = [
  'alexnet',
  'densenet121',
  'efficientnet_b0',
  'googlenet',
  'inception_v3',
  'mnasnet0_5',
  'mobilenet_v2',
  'mobilenet_v3_small',
  'regnet_y_400mf',
  'resnet18',
  'shufflenet_v2_x0_5',
  'squeezenet1_1',
];
/** Enlargements are other ones ahead of version 11: not what PyTorch itself does. */
const enlarging = ['deeplabv3_mobilenet_v3_large', 'lraspp_mobilenet_v3_large'];
/** Norms over channels have no layer. */
const refused = ['convnext_tiny'];

describe.each([9, 13, 17])('version %i of the operators', (opset) => {
  const folder = torchvisionModels(opset, [...taken, ...enlarging, ...refused]);
  const [read, others] = opset < 11 ? [taken, [...enlarging, ...refused]] : [[...taken, ...enlarging], refused];
  const outcomeOf = (name: string) => {
    const file = `${name}.${opset}.onnx`;
    return compareWithRuntime(device, readFileSync(join(folder, file)), { name: file, batch: 1 });
  };

  it.each(read)('%s is what ONNX Runtime makes of it', async (name) => {
    const outcome = await outcomeOf(name);
    expect(outcome).toMatchObject({ kind: 'taken' });
    expect(outcome.kind === 'taken' && outcome.error).toBeLessThan(1e-4);
  });

  it.each(others)('%s is refused', async (name) => expect(await outcomeOf(name)).toMatchObject({ kind: 'refused' }));
});
