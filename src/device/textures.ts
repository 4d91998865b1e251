import { countMemory } from './buffers.js';
import { assertAlive } from './device.js';
import { checkLimit } from './limits.js';

/** What a texture for a tensor is to be. */
export interface TextureDescription {
  readonly label: string;
  /** Texels. */
  readonly width: number;
  /** Rows of texels. */
  readonly height: number;
  /** Bits of `GPUTextureUsage` besides `STORAGE_BINDING`. */
  readonly usage?: number;
}

const storageBinding = 0x08;
const texelBytes = 16;
const owners = new WeakMap<GPUTexture, GPUDevice>();

/** Bytes of a texture for a tensor. */
export function textureBytes({ width, height }: Pick<TextureDescription, 'width' | 'height'>): number {
  return width * height * texelBytes;
}

/**
 * Creates a texture of texels of four float32 values that kernels store into and read from, and counts it as memory. Whether
 * there is memory for it shows only later: put the call in `guard` to learn.
 *
 * @throws LimitError beyond `maxTextureDimension2D`, DeviceLostError.
 */
export function createTexture(device: GPUDevice, description: TextureDescription): GPUTexture {
  const operation = 'createTexture';
  const { label, width, height, usage = 0 } = description;
  assertAlive(device, operation);
  const needed = Math.max(width, height);
  checkLimit(device, { operation, parameter: label, limit: 'maxTextureDimension2D', needed });
  const texture = device.createTexture({
    label,
    size: [width, height],
    format: 'rgba32float',
    usage: storageBinding | usage,
  });
  owners.set(texture, device);
  countMemory(device, 1, textureBytes(description));
  return texture;
}

/** Frees a texture of {@link createTexture} and counts it no more; a second time is allowed and does nothing. */
export function destroyTexture(device: GPUDevice, texture: GPUTexture): void {
  texture.destroy();
  if (owners.get(texture) !== device) return;
  owners.delete(texture);
  countMemory(device, -1, textureBytes(texture));
}
