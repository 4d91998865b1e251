import { DisposedError } from '../errors.js';
import { assertAlive } from './device.js';

/** Whether something that owns memory of a device may still be used. */
export interface Lifetime {
  /**
   * Refuses work with what is disposed, or works on something that is.
   *
   * @param operation - named in the error
   * @throws DisposedError; DeviceLostError where the device is gone
   */
  assertUsable(operation: string): void;
  /** Frees what is owned; a second time does nothing. */
  dispose(): void;
}

/**
 * The lifetime of something on a device.
 *
 * @param what - it is, for errors
 * @param free - called once
 * @param needs - what it works on, and is of no use without
 */
export function lifetime(
  device: GPUDevice,
  what: string,
  free: () => void,
  ...needs: readonly Pick<Lifetime, 'assertUsable'>[]
): Lifetime {
  let disposed = false;
  return {
    assertUsable(operation) {
      if (disposed) throw disposedError(operation, what);
      for (const need of needs) need.assertUsable(operation);
      assertAlive(device, operation);
    },
    dispose() {
      if (!disposed) free();
      disposed = true;
    },
  };
}

/** The error that says that `operation` was asked to work with what is disposed. */
export function disposedError(operation: string, what: string): DisposedError {
  return new DisposedError({ operation, parameter: what, expected: 'one in use', got: 'a disposed one' });
}
