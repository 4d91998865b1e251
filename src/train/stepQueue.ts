import { assertAlive } from '../device/device.js';

/** Submits steps to a device, a bounded number of them ahead of the GPU. */
export interface StepQueue {
  /** Waits until another step may be submitted. */
  room(): Promise<void>;
  /** Encodes a step into one compute pass, with what goes ahead of the pass, and submits it. */
  submit(
    label: string,
    encode: (pass: GPUComputePassEncoder) => void,
    encodeAhead?: (encoder: GPUCommandEncoder) => void,
  ): void;
}

/**
 * Two steps keep the GPU busy while the host prepares the next; more only hold memory and delay whoever waits for the
 * device.
 */
const mostInFlight = 2;

/** @throws DeviceLostError from both of its functions once the device is gone. */
export function stepQueue(device: GPUDevice): StepQueue {
  const inFlight: Promise<undefined>[] = [];
  return {
    async room() {
      while (inFlight.length >= mostInFlight) await inFlight.shift();
      assertAlive(device, 'train');
    },
    submit(label, encode, encodeAhead) {
      assertAlive(device, 'train');
      const encoder = device.createCommandEncoder({ label });
      encodeAhead?.(encoder);
      const pass = encoder.beginComputePass({ label });
      encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
      inFlight.push(device.queue.onSubmittedWorkDone().catch(() => undefined));
    },
  };
}
