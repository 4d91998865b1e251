import { ShapeError } from '../errors.js';
import { assertAlive, deviceLostError } from './device.js';
import { guard } from './errorScopes.js';
import { disposedError } from './lifetime.js';
import { checkLimit } from './limits.js';

/** What a buffer is to be. */
export interface BufferDescription {
  readonly label: string;
  /** Bytes; rounded up to a multiple of 4. */
  readonly size: number;
  /** Bits of `GPUBufferUsage`. */
  readonly usage: number;
}

/** The buffers of a device that were created here and not yet destroyed, and the textures that hold tensors. */
export interface BufferUsage {
  /** Buffers. */
  readonly count: number;
  /** Of all of them. */
  readonly bytes: number;
}

const usages = new WeakMap<GPUDevice, BufferUsage>();

/** The device of every buffer that is still counted. */
const owners = new WeakMap<GPUBuffer, GPUDevice>();
const destroyed = new WeakSet<GPUBuffer>();

/** Counts a buffer or texture that is created or destroyed. */
export function countMemory(device: GPUDevice, buffers: 1 | -1, bytes: number): void {
  const before = bufferUsage(device);
  usages.set(device, { count: before.count + buffers, bytes: before.bytes + buffers * bytes });
  if (buffers < 0 && bytes >= largeBytes) submitSoon(device);
}

/** What is worth a submit to be rid of. */
const largeBytes = 2 ** 20;
const submitting = new WeakSet<GPUDevice>();

/**
 * Submits nothing, once for all that is destroyed in a row: Dawn keeps the memory until the next submit, and a program that
 * loads networks and disposes of them may submit none for a long time.
 */
function submitSoon(device: GPUDevice): void {
  if (submitting.has(device)) return;
  submitting.add(device);
  queueMicrotask(() => {
    submitting.delete(device);
    device.queue.submit([]);
  });
}

/** How many buffers and tensors' textures live on the device, and their bytes; those that this package created alone are counted. */
export function bufferUsage(device: GPUDevice): BufferUsage {
  return usages.get(device) ?? { count: 0, bytes: 0 };
}

/**
 * Creates a buffer and counts it. Whether there is memory for it shows only later: put the call in `guard` to learn.
 *
 * @throws ShapeError where the size is not a positive whole number, LimitError beyond `maxBufferSize`, DeviceLostError.
 */
export function createBuffer(device: GPUDevice, { label, size, usage }: BufferDescription): GPUBuffer {
  const operation = 'createBuffer';
  assertAlive(device, operation);
  if (!Number.isSafeInteger(size) || size <= 0) {
    throw new ShapeError({
      operation,
      parameter: label,
      expected: 'a positive whole number of bytes',
      got: String(size),
    });
  }
  const bytes = Math.ceil(size / 4) * 4;
  checkLimit(device, { operation, parameter: label, limit: 'maxBufferSize', needed: bytes });
  const buffer = device.createBuffer({ label, size: bytes, usage });
  owners.set(buffer, device);
  countMemory(device, 1, bytes);
  return buffer;
}

/** Frees a buffer of {@link createBuffer} and counts it no more; a second time is allowed and does nothing. */
export function destroyBuffer(device: GPUDevice, buffer: GPUBuffer): void {
  buffer.destroy();
  destroyed.add(buffer);
  if (owners.get(buffer) !== device) return;
  owners.delete(buffer);
  countMemory(device, -1, buffer.size);
}

/** A range that a copy accepts: whole words inside the buffer, and the buffer there and open for it. */
function checkRange(operation: string, buffer: GPUBuffer, usage: number, offset: number, size: number): void {
  const refuse = (parameter: string, expected: string, got: string) => {
    throw new ShapeError({ operation, parameter, expected, got });
  };
  if (destroyed.has(buffer)) throw disposedError(operation, `buffer "${buffer.label}"`);
  if (!(buffer.usage & usage)) {
    const name = usage === GPUBufferUsage.COPY_SRC ? 'COPY_SRC' : 'COPY_DST';
    refuse('buffer', `usage ${name} on "${buffer.label}"`, `usage bits ${buffer.usage}`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % 4) {
    refuse('offset', 'a multiple of 4 bytes, 0 or more', String(offset));
  }
  if (!Number.isSafeInteger(size) || size <= 0 || size % 4) {
    refuse('size', 'a positive multiple of 4 bytes', String(size));
  }
  if (offset + size > buffer.size) {
    refuse('size', `at most ${buffer.size - offset} bytes behind offset ${offset} of "${buffer.label}"`, String(size));
  }
}

/**
 * Copies bytes of a buffer with usage `COPY_SRC` to the CPU, after all work submitted before. Any number of calls may go on at
 * once.
 *
 * @param offset - First byte, a multiple of 4.
 * @param size - Bytes, a multiple of 4; up to the buffer's end where left out.
 * @throws ShapeError for a range that does not fit, LimitError where memory runs out, DisposedError for a buffer of this
 *   package that is disposed, DeviceLostError.
 */
export async function readBuffer(
  device: GPUDevice,
  buffer: GPUBuffer,
  offset = 0,
  size = buffer.size - offset,
): Promise<ArrayBuffer> {
  const [bytes] = await readBuffers(device, [{ buffer, offset, size }]);
  return bytes!;
}

/**
 * Copies ranges of buffers to the CPU as they are at one moment: after all work submitted before the call, ahead of all that
 * is submitted later.
 *
 * @throws as {@link readBuffer}
 */
export async function readBuffers(
  device: GPUDevice,
  ranges: readonly { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number }[],
): Promise<ArrayBuffer[]> {
  const operation = 'readBuffer';
  assertAlive(device, operation);
  for (const { buffer, offset, size } of ranges) checkRange(operation, buffer, GPUBufferUsage.COPY_SRC, offset, size);

  // Kept outside of the guarded work, so that they are freed when that fails.
  const made: GPUBuffer[] = [];
  try {
    await guard(device, operation, () => {
      const encoder = device.createCommandEncoder({ label: operation });
      for (const { buffer, offset, size } of ranges) {
        const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
        const staging = createBuffer(device, { label: `${buffer.label} read back`, size, usage });
        made.push(staging);
        encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      }
      device.queue.submit([encoder.finish()]);
    });
    await Promise.all(made.map((staging) => map(device, operation, staging)));
    return made.map((staging) => staging.getMappedRange().slice(0));
  } finally {
    for (const buffer of made) destroyBuffer(device, buffer);
  }
}

/** Maps a buffer that is known to be sound, so that only the loss of the device can keep it from being mapped. */
async function map(device: GPUDevice, operation: string, staging: GPUBuffer): Promise<void> {
  try {
    await staging.mapAsync(GPUMapMode.READ);
  } catch (error) {
    throw deviceLostError(device, operation, { cause: error });
  }
}

/**
 * Writes bytes into a buffer with usage `COPY_DST`, ahead of all work submitted later.
 *
 * @param data - As many bytes as are to be written, a multiple of 4.
 * @param offset - First byte in the buffer, a multiple of 4.
 * @throws ShapeError for a range that does not fit, DisposedError for a buffer that is disposed, DeviceLostError.
 */
export function writeBuffer(
  device: GPUDevice,
  buffer: GPUBuffer,
  data: ArrayBuffer | ArrayBufferView<ArrayBuffer>,
  offset = 0,
): void {
  const operation = 'writeBuffer';
  assertAlive(device, operation);
  checkRange(operation, buffer, GPUBufferUsage.COPY_DST, offset, data.byteLength);
  device.queue.writeBuffer(buffer, offset, data);
}
