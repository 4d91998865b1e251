import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ImageSource, imageTexture } from '../../src/device/images.js';
import { ShapeError } from '../../src/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const picture = (width: number, height: number): ImageSource => ({ width, height }) as ImageSource;

it('a picture without pixels, as a closed one is, becomes no texture', () => {
  expect(() => imageTexture(device, picture(0, 0))).toThrow(ShapeError);
  expect(() => imageTexture(device, picture(0, 0))).toThrow('source: expected a picture with pixels, got 0 x 0');
});

it.each([
  ['format', { format: 'rgba8uint' }, 'the format rgba8unorm, got rgba8uint'],
  ['usage', { usage: 0x02 }, 'usage COPY_DST and RENDER_ATTACHMENT'],
  ['size', { size: { width: 4, height: 3 } }, 'at least 4 x 4 pixels, got 4 x 3'],
] as const)('a texture of another %s is not filled', (_, changes, message) => {
  const usage = GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
  const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage, ...changes });
  expect(() => imageTexture(device, picture(4, 4), texture)).toThrow(ShapeError);
  expect(() => imageTexture(device, picture(4, 4), texture)).toThrow(message);
  texture.destroy();
});
