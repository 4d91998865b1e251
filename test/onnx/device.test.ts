import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initialParameters } from '../../src/models/initialise.js';
import { toIC } from '../../src/models/toIC.js';
import { decodeOnnx } from '../../src/onnx.js';
import { inferOnDevice } from '../networks/deviceRun.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { runOnnx } from './runtime.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const file = readFileSync(new URL('../golden/onnx/mobile.onnx', import.meta.url));
const { network, values } = decodeOnnx(file);
const images = uniform(2 * 12 * 12 * 3, 4);

it("runs PyTorch's file on the device as ONNX Runtime does", async () => {
  const { values: expected } = await runOnnx(file, network.input, images);
  expect(distance(await inferOnDevice(device, network, values, images), expected)).toBeLessThan(1e-5);
});

it('makes an IC network of it', async () => {
  const ic = toIC(network);
  const start = new Map([...initialParameters(ic, 1), ...values]);
  const logits = await inferOnDevice(device, ic, start, images);
  const plain = networkForward(network, values, images, { training: false }).logits;
  expect(distance(logits, plain)).toBeGreaterThan(1e-2);
  expect(distance(logits, networkForward(ic, start, images, { training: false }).logits)).toBeLessThan(1e-4);
});
