import { createBuffer, destroyBuffer, readBuffer } from '../device/buffers.js';
import { NumericError } from '../errors.js';
import type { BufferRange } from '../ops/plan.js';
import type { NetworkOperation } from './operations.js';

/** Where operations that store float16 note that a value did not fit. */
export interface OverflowNotes {
  /** Where each operation's status lies, by its tensor. */
  readonly ranges: ReadonlyMap<string, BufferRange>;
  /** All of them, to be read back. */
  readonly range: BufferRange;
  /** Forgets what was noted of filters, or of activations. */
  clear(encoder: GPUCommandEncoder, of: 'filters' | 'activations'): void;
  /**
   * Refuses what was noted.
   *
   * @param read - the bytes of `range`
   * @throws NumericError naming the parameter, or the first layer that stored a value that does not fit.
   */
  check(read: ArrayBuffer): void;
  /** Reads, checks and forgets what was noted of activations up to now. */
  look(): Promise<void>;
  dispose(): void;
}

/**
 * Room for the notes of operations on filters and of those on activations, in their order.
 *
 * @throws LimitError where the device cannot hold it.
 */
export function createOverflowNotes(
  device: GPUDevice,
  filters: readonly NetworkOperation[],
  activations: readonly NetworkOperation[],
): OverflowNotes {
  const stride = Math.max(device.limits.minStorageBufferOffsetAlignment, 16);
  const noting = (operations: readonly NetworkOperation[]) => operations.filter(({ tensors }) => tensors.status);
  const all = [...noting(filters), ...noting(activations)];
  const boundary = stride * noting(filters).length;
  const size = stride * all.length;
  const buffer = createBuffer(device, { label: 'overflow', size, usage: 0x80 | 0x04 | 0x08 });
  const place = (index: number): BufferRange => ({ buffer, offset: stride * index, size: stride });
  const clear: OverflowNotes['clear'] = (encoder, of) => {
    if (of === 'filters') encoder.clearBuffer(buffer, 0, boundary);
    else encoder.clearBuffer(buffer, boundary);
  };
  const check: OverflowNotes['check'] = (read) => {
    const notes = new Uint32Array(read);
    const noted = all.find((_, index) => notes[(stride / 4) * index] !== 0);
    if (!noted) return;
    throw new NumericError({
      operation: 'run',
      parameter: noted.layer,
      expected: 'values that float16 holds, up to 65504',
      got: 'a larger one, or one that is not finite',
    });
  };
  return {
    ranges: new Map(all.map(({ tensors }, index) => [tensors.status!, place(index)])),
    range: { buffer, offset: 0, size },
    clear,
    check,
    async look() {
      const reading = readBuffer(device, buffer);
      const encoder = device.createCommandEncoder({ label: 'forget' });
      clear(encoder, 'activations');
      device.queue.submit([encoder.finish()]);
      check(await reading);
    },
    dispose: () => destroyBuffer(device, buffer),
  };
}
