import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkParameters } from '../../src/graph/parameters.js';
import { networkByName } from '../../src/models/networkByName.js';
import { inferOnDevice } from '../networks/deviceRun.js';
import { formulaWeights } from '../onnx/cases.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { nchwToNhwc } from '../support/layout.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { findPython, runScript } from './python.js';

/** Debian's package python3-torchvision has it. */
const python = findPython('torchvision');

/** On this size every map is at least a pixel, and windows of GoogLeNet's and SqueezeNet's pools reach beyond the image. */
const [height, width] = [64, 72];

const names = [
  'googlenet',
  'squeezenet1_0',
  'squeezenet1_1',
  'mobilenet_v3_small',
  'mobilenet_v3_large',
  'mnasnet0_5',
  'mnasnet0_75',
  'mnasnet1_0',
  'mnasnet1_3',
  'shufflenet_v2_x0_5',
  'shufflenet_v2_x1_0',
  'shufflenet_v2_x1_5',
  'shufflenet_v2_x2_0',
  'regnet_x_400mf',
  'regnet_y_400mf',
  'efficientnet_b0',
];

describe('the networks of torchvision', { timeout: 400_000 }, () => {
  let device: GPUDevice;
  beforeAll(async () => {
    ({ device } = await testDevice());
  });
  afterAll(closeTestDevice);

  it.each(names)('%s: the logits are those that torchvision computes', async (name) => {
    const printed = await runScript(python, 'torchvision_logits.py', name, String(height), String(width));
    const { parameters, logits } = JSON.parse(printed) as { parameters: string[]; logits: number[] };
    const network = networkByName(name, { input: { height, width, channels: 3 } });
    expect(networkParameters(network).map((spec) => spec.name)).toEqual(parameters);
    const images = nchwToNhwc(uniform(3 * height * width, 99), [1, 3, height, width]);
    const ours = await inferOnDevice(device, network, formulaWeights(network), images);
    expect(ours.length).toBe(logits.length);
    const error = distance(ours, logits) / Math.max(...logits.map(Math.abs));
    process.stdout.write(`  ${name}: off by ${error.toExponential(1)} of the largest logit\n`);
    expect(error).toBeLessThan(1e-4);
  });
});
