/**
 * The names of WebGPU and of the page that this package's declarations mention, so that they are read without further types.
 *
 * WebGPU's types are in TypeScript's own `dom` library from version 6 on and in `@webgpu/types` for earlier ones, and the two
 * contradict each other, so that a package can ask for neither. An interface that is declared twice is both together: where the
 * full ones are, these add nothing. Aliases cannot be declared twice; the package's declarations mention none.
 */
declare global {
  interface GPU {}
  interface GPUAdapter {}
  interface GPUAdapterInfo {}
  interface GPUBuffer {
    label: string;
  }
  interface GPUCommandEncoder {
    label: string;
  }
  interface GPUComputePassEncoder {
    label: string;
  }
  interface GPUComputePipeline {
    label: string;
  }
  // Has no more than a label? WebGPU's types are missing: docs/embedding.md, TypeScript.
  interface GPUDevice {
    label: string;
  }
  interface GPUExternalTexture {
    label: string;
  }
  interface GPUStorageTextureBindingLayout {}
  interface GPUSupportedLimits {}
  interface GPUTexture {
    label: string;
  }
  interface GPUTextureView {
    label: string;
  }

  interface AbortSignal {}
  interface Blob {}
  interface HTMLCanvasElement {}
  interface HTMLImageElement {}
  interface HTMLVideoElement {}
  interface IDBFactory {}
  interface ImageBitmap {}
  interface ImageData {}
  interface OffscreenCanvas {}
  interface URL {}
  interface VideoFrame {}
}

export {};
