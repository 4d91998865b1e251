import { ShapeError } from '../errors.js';
import { assertAlive } from './device.js';

/** What WebGPU copies into a texture: pictures, canvases, videos and their frames. */
export type ImageSource =
  | HTMLCanvasElement
  | HTMLImageElement
  | HTMLVideoElement
  | ImageBitmap
  | ImageData
  | OffscreenCanvas
  | VideoFrame;

const operation = 'imageTexture';

/**
 * A texture that kernels can read, with the pixels of a picture, canvas or video frame. The copy is queued at once, on the GPU
 * where the picture is there. A canvas that WebGPU draws needs no copy: its current texture can be read as it is, where the
 * canvas is configured with usage TEXTURE_BINDING. Neither does a VideoFrame: `device.importExternalTexture`.
 *
 * @param texture - filled instead of a new one; of format rgba8unorm, usage COPY_DST and RENDER_ATTACHMENT and at least the
 *   picture's size. The caller destroys either.
 * @throws ShapeError for a picture without pixels, as one that is not loaded yet or closed is, and a texture that does not fit;
 *   DeviceLostError
 */
export function imageTexture(device: GPUDevice, source: ImageSource, texture?: GPUTexture): GPUTexture {
  assertAlive(device, operation);
  const size = imageSize(source);
  if (!size.every((pixels) => pixels > 0)) refuse('source', 'a picture with pixels', size.join(' x '));
  if (texture) checkTexture(texture, size);
  const filled =
    texture ??
    device.createTexture({
      label: 'image',
      size,
      format: 'rgba8unorm',
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT,
    });
  device.queue.copyExternalImageToTexture({ source }, { texture: filled }, size);
  return filled;
}

function checkTexture({ format, usage, width, height }: GPUTexture, size: readonly [number, number]): void {
  if (format !== 'rgba8unorm') refuse('texture', 'the format rgba8unorm', format);
  const needed = GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
  if ((usage & needed) !== needed) refuse('texture', 'usage COPY_DST and RENDER_ATTACHMENT', `usage bits ${usage}`);
  if (width < size[0] || height < size[1]) {
    refuse('texture', `at least ${size.join(' x ')} pixels`, `${width} x ${height}`);
  }
}

function refuse(parameter: string, expected: string, got: string): never {
  throw new ShapeError({ operation, parameter, expected, got });
}

function imageSize(source: ImageSource): [width: number, height: number] {
  if ('displayWidth' in source) return [source.displayWidth, source.displayHeight];
  if ('videoWidth' in source) return [source.videoWidth, source.videoHeight];
  if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight];
  return [source.width, source.height];
}
