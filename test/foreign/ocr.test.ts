import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeTestDevice, testDevice } from '../support/device.js';
import { ocrModels } from './fetch.js';
import { letters } from './letters.js';
import { compareWithRuntime } from './run.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const folder = ocrModels();
const read = (name: string) => readFileSync(join(folder, name));

it.each([
  { name: 'ch_PP-OCRv4_det_infer.onnx', input: { height: 64, width: 96 } },
  { name: 'ch_ppocr_mobile_v2.0_cls_infer.onnx', input: { height: 48, width: 192 } },
  // Its convolutions; what is behind them is a transformer.
  { name: 'ch_PP-OCRv4_rec_infer.onnx', input: { height: 48, width: 96 }, output: 'swish_12.tmp_0' },
])("PaddleOCR's $name is what ONNX Runtime makes of it", async ({ name, input, ...options }) => {
  const images = letters(input.height, input.width, 2);
  const outcome = await compareWithRuntime(device, read(name), { name, input, images, ...options });
  expect(outcome).toMatchObject({ kind: 'taken' });
  expect(outcome.kind === 'taken' && outcome.error).toBeLessThan(1e-4);
});

it('the transformer of the one that reads is refused', async () => {
  const name = 'ch_PP-OCRv4_rec_infer.onnx';
  const outcome = await compareWithRuntime(device, read(name), { name, input: { height: 48, width: 96 } });
  expect(outcome).toMatchObject({ kind: 'refused', reason: expect.stringContaining('(ReduceMean), axes') });
});
