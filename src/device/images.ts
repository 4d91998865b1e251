/** What WebGPU copies into a texture: pictures, canvases, videos and their frames. */
export type ImageSource = GPUCopyExternalImageSource;

/**
 * A texture that kernels can read, with the pixels of a picture, canvas or video frame. The copy is queued at once, on the GPU
 * where the picture is there. A canvas that WebGPU draws needs no copy: its current texture can be read as it is, where the
 * canvas is configured with usage TEXTURE_BINDING. Neither does a VideoFrame: `device.importExternalTexture`.
 *
 * @param texture - filled instead of a new one; of format rgba8unorm, usage COPY_DST and RENDER_ATTACHMENT and at least the
 *   picture's size. The caller destroys either.
 */
export function imageTexture(device: GPUDevice, source: ImageSource, texture?: GPUTexture): GPUTexture {
  const size = imageSize(source);
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

function imageSize(source: ImageSource): [width: number, height: number] {
  if ('displayWidth' in source) return [source.displayWidth, source.displayHeight];
  if ('videoWidth' in source) return [source.videoWidth, source.videoHeight];
  if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight];
  return [source.width, source.height];
}
