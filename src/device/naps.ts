/** Short beside any work worth waiting for, long beside a turn of the event loop. */
const napMilliseconds = 0.5;

const awake = new WeakSet<GPUDevice>();

/** Leaves the naps of {@link napWhileWaiting} out from here on, or lets them in again: waiting is then as Dawn does it. */
export function stayAwake(device: GPUDevice, wanted: boolean): void {
  if (wanted) awake.add(device);
  else awake.delete(device);
}

/**
 * Puts short sleeps between the turns of the event loop while one of the device's promises is pending.
 *
 * Dawn looks for finished work at every turn and never sleeps meanwhile, which takes a whole core from an adapter that
 * computes on the processor: with two cores the same work takes 1.5 to 1.8 times as long. Timers and input are still
 * served at every turn. Changes the device's methods, so it is for devices that nobody else has seen yet.
 */
export function napWhileWaiting(device: GPUDevice): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let pending = 0;
  // Whether a nap is due at the next turn: one alone, however soon a promise follows another.
  let due = false;
  const nap = (): void => {
    due = pending > 0;
    if (!due) return;
    if (!awake.has(device)) Atomics.wait(sleeper, 0, 0, napMilliseconds);
    setImmediate(nap);
  };
  const watch = <T>(promise: Promise<T>): Promise<T> => {
    if (!due) setImmediate(nap);
    due = true;
    pending += 1;
    const ended = () => {
      pending -= 1;
    };
    promise.then(ended, ended);
    return promise;
  };
  const { queue } = device;
  const onSubmittedWorkDone = queue.onSubmittedWorkDone.bind(queue);
  queue.onSubmittedWorkDone = () => watch(onSubmittedWorkDone());
  const createComputePipelineAsync = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = (descriptor) => watch(createComputePipelineAsync(descriptor));
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (...range) => watch(mapAsync(...range));
    return buffer;
  };
}
