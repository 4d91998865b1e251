import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadGolden } from '../golden/load.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { holdConvolutions, holdInference, holdResume, holdTrainingStep, inferredNetworks } from '../support/proofs.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

it('gives the golden convolutions, forward and backward', async () => {
  expect(await holdConvolutions(device, loadGolden('conv'))).toBe(23);
});

it.each(inferredNetworks)('gives the logits of %s', async (name) => {
  expect(await holdInference(device, name, loadGolden(name))).toBeGreaterThan(9);
});

it('gives every gradient of a training step', async () => {
  expect(await holdTrainingStep(device, loadGolden('ic_resnet8'))).toBeGreaterThan(50);
});

it('resumes bit for bit', async () => {
  expect(await holdResume(device)).toBe(8);
});
