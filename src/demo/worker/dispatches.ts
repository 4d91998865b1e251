import { createBuffer, destroyBuffer, readBuffer } from '../../device/buffers.js';

/** One dispatch of a compute pass, to be encoded again. */
export interface Dispatch {
  encode(pass: GPUComputePassEncoder): void;
}

/** Takes down the dispatches that `encode` puts into a pass. */
export function recordDispatches(encode: (pass: GPUComputePassEncoder) => void): Dispatch[] {
  const dispatches: Dispatch[] = [];
  let pipeline: GPUComputePipeline | undefined;
  let group: GPUBindGroup | null = null;
  const recorder = {
    setPipeline(given: GPUComputePipeline) {
      pipeline = given;
    },
    setBindGroup(_: number, given: GPUBindGroup | null) {
      group = given;
    },
    dispatchWorkgroups(...grid: [number, number?, number?]) {
      const [used, bound] = [pipeline!, group];
      dispatches.push({
        encode(pass) {
          pass.setPipeline(used);
          pass.setBindGroup(0, bound);
          pass.dispatchWorkgroups(...grid);
        },
      });
    },
  };
  encode(recorder as unknown as GPUComputePassEncoder);
  return dispatches;
}

export interface DispatchTimes {
  /** Of one run of each dispatch. */
  readonly milliseconds: Float64Array;
  readonly by: 'timestamps' | 'clock';
}

const nanoseconds = 1e6;
/** Browsers round timestamps to a tenth of a millisecond: a dispatch is repeated until it takes many of those. */
const longEnough = 2;
const mostRepeats = 500;

/** Times dispatches one by one, each repeated on the data that the one before left. */
export async function timeDispatches(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  onProgress: (done: number) => void,
): Promise<DispatchTimes> {
  const stopwatch = device.features.has('timestamp-query') ? timestampWatch(device) : clock(device);
  try {
    const milliseconds = new Float64Array(dispatches.length);
    for (const [index, dispatch] of dispatches.entries()) {
      let repeats = 1;
      let took = await stopwatch.time(dispatch, repeats);
      while (took < longEnough && repeats < mostRepeats) {
        repeats = Math.min(Math.ceil(repeats * Math.max(2, (1.2 * longEnough) / Math.max(took, 0.02))), mostRepeats);
        took = await stopwatch.time(dispatch, repeats);
      }
      milliseconds[index] = took / repeats;
      onProgress(index + 1);
    }
    return { milliseconds, by: stopwatch.by };
  } finally {
    stopwatch.dispose();
  }
}

interface Watch {
  readonly by: DispatchTimes['by'];
  /** Milliseconds of all repeats. */
  time(dispatch: Dispatch, repeats: number): Promise<number>;
  dispose(): void;
}

function submit(
  device: GPUDevice,
  dispatch: Dispatch,
  repeats: number,
  timestampWrites?: GPUComputePassTimestampWrites,
  after?: (encoder: GPUCommandEncoder) => void,
): void {
  const encoder = device.createCommandEncoder({ label: 'timing' });
  const pass = encoder.beginComputePass({ label: 'timing', ...(timestampWrites && { timestampWrites }) });
  for (let repeat = 0; repeat < repeats; repeat++) dispatch.encode(pass);
  pass.end();
  after?.(encoder);
  device.queue.submit([encoder.finish()]);
}

function timestampWatch(device: GPUDevice): Watch {
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const buffer = createBuffer(device, { label: 'timestamps', size: 16, usage });
  return {
    by: 'timestamps',
    async time(dispatch, repeats) {
      const writes = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
      submit(device, dispatch, repeats, writes, (encoder) => encoder.resolveQuerySet(querySet, 0, 2, buffer, 0));
      const [begin, end] = new BigUint64Array(await readBuffer(device, buffer)) as unknown as [bigint, bigint];
      return Number(end - begin) / nanoseconds;
    },
    dispose() {
      querySet.destroy();
      destroyBuffer(device, buffer);
    },
  };
}

function clock(device: GPUDevice): Watch {
  return {
    by: 'clock',
    async time(dispatch, repeats) {
      const start = performance.now();
      submit(device, dispatch, repeats);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - start;
    },
    dispose() {},
  };
}
