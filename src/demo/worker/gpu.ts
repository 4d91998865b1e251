import { requestDevice, whenLost } from '../../device/device.js';
import { DeviceLostError, LimitError, UnsupportedError } from '../../errors.js';
import { tell, troubleOf } from './post.js';

/** A browser needs a moment for a new GPU process. */
const attempts = 20;
const pause = 250;

let opened: Promise<GPUDevice> | undefined;
const losses = new Set<() => void>();

/**
 * The device that everything here runs on; a new one where the last was lost.
 *
 * @throws UnsupportedError without WebGPU, DeviceLostError where no adapter or device can be had
 */
export function gpuDevice(): Promise<GPUDevice> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

/** Calls back whenever the device was lost; the next {@link gpuDevice} is another one. */
export function onDeviceLoss(listener: () => void): void {
  losses.add(listener);
}

let lostBefore = false;

async function open(): Promise<GPUDevice> {
  if (!navigator.gpu) {
    throw new UnsupportedError({
      operation: 'openDevice',
      parameter: 'navigator.gpu',
      expected: 'a browser with WebGPU',
      got: 'none',
    });
  }
  const device = await firstDevice(navigator.gpu, lostBefore ? attempts : 1);
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    const { message } = event.error;
    const memory = event.error instanceof GPUOutOfMemoryError;
    const details = { operation: 'WebGPU', parameter: 'device', expected: 'work without errors', got: message };
    tell('trouble', troubleOf(memory ? new LimitError(details) : new UnsupportedError(details)));
  });
  whenLost(device).then(() => {
    opened = undefined;
    lostBefore = true;
    for (const listener of losses) listener();
  });
  return device;
}

async function firstDevice(gpu: GPU, tries: number): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) {
    try {
      return await requestDevice(adapter, { label: 'ic-networks demo' });
    } catch (error) {
      if (tries <= 1) throw error;
    }
  } else if (tries <= 1) {
    const expected = 'a GPU that the browser lets pages use';
    throw new DeviceLostError({ operation: 'openDevice', parameter: 'adapter', expected, got: 'none' });
  }
  await new Promise((done) => setTimeout(done, pause));
  return firstDevice(gpu, tries - 1);
}
