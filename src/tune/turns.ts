/** The end of all work in turns so far, device by device; never rejects. */
const turns = new WeakMap<GPUDevice, Promise<unknown>>();

/**
 * Work behind all that was given for the device before: measured side by side, forms would slow each other down.
 *
 * @throws what the work throws; the signal's reason where it is aborted ahead of it.
 */
export async function inTurn<T>(
  device: GPUDevice,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const before = turns.get(device) ?? Promise.resolve();
  const turn = ended(before, signal).then(work);
  turns.set(device, Promise.allSettled([before, turn]));
  return turn;
}

/** Resolves with what is ahead; rejects with the signal's reason where that is aborted before. */
function ended(before: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    before.then(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
  });
}
