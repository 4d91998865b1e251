import { submitPass } from '../device/device.js';
import { guard } from '../device/errorScopes.js';
import type { Lifetime } from '../device/lifetime.js';
import type { BackgroundTuner } from '../tune/background.js';

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
  /** Waits until everything is done. */
  end(): Promise<void>;
}

/**
 * Two steps keep the GPU busy while the host prepares the next; more only hold memory and delay whoever waits for the
 * device.
 */
const mostInFlight = 2;

/**
 * @param life - of what is submitted
 * @param tuner - that would find no idle time while steps follow one another
 * @throws from `room` and `end` what the device found in a step, LimitError or UnsupportedError; from all of its functions
 *   DisposedError, and DeviceLostError once the device is gone.
 */
export function stepQueue(
  device: GPUDevice,
  operation: string,
  life: Pick<Lifetime, 'assertUsable'>,
  tuner?: Pick<BackgroundTuner, 'giveTurn'>,
): StepQueue {
  const inFlight: Promise<unknown>[] = [];
  return {
    async room() {
      while (inFlight.length >= mostInFlight) await inFlight.shift();
      await tuner?.giveTurn();
      life.assertUsable(operation);
    },
    submit(label, encode, encodeAhead) {
      life.assertUsable(operation);
      const submitted = guard(device, operation, () => submitPass(device, label, encode, encodeAhead));
      const done = Promise.all([submitted, device.queue.onSubmittedWorkDone().catch(() => undefined)]);
      // Thrown where it is waited for; until then a rejection is not unhandled.
      done.catch(() => {});
      inFlight.push(done);
    },
    async end() {
      await Promise.all(inFlight);
      life.assertUsable(operation);
    },
  };
}
