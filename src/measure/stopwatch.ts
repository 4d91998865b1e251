import { createBuffer, destroyBuffer, readBuffer } from '../device/buffers.js';
import { deviceLostError } from '../device/device.js';
import { guard } from '../device/errorScopes.js';
import type { BoundPlan } from '../ops/plan.js';

/** Milliseconds of a number of runs in one compute pass. */
export interface Reading {
  /** From the submit until the queue is done. */
  readonly wall: number;
  /** Between the timestamps around the pass, where the device has them. */
  readonly queries?: number;
}

export interface Stopwatch {
  time(plan: Pick<BoundPlan, 'encode'>, runs: number): Promise<Reading>;
  dispose(): void;
}

const operation = 'tune';
const nanosecondsPerMillisecond = 1e6;

export function createStopwatch(device: GPUDevice): Stopwatch {
  const timestamps = device.features.has('timestamp-query') ? createTimestamps(device) : undefined;
  return {
    async time({ encode }, runs) {
      const start = performance.now();
      const submitted = guard(device, operation, () => {
        const encoder = device.createCommandEncoder({ label: operation });
        const pass = encoder.beginComputePass({ label: operation, ...timestamps?.around });
        for (let run = 0; run < runs; run++) encode(pass);
        pass.end();
        timestamps?.resolve(encoder);
        device.queue.submit([encoder.finish()]);
      });
      // Asked for at once: what the scopes found is not to be waited for first.
      const done = device.queue.onSubmittedWorkDone().then(
        () => performance.now() - start,
        (cause: unknown) => {
          throw deviceLostError(device, operation, { cause });
        },
      );
      const [wall] = await Promise.all([done, submitted]);
      return timestamps ? { wall, queries: await timestamps.read() } : { wall };
    },
    dispose() {
      timestamps?.dispose();
    },
  };
}

/**
 * Whether timestamps measured what the queue took: there are drivers that leave zeros, and drivers that note when a command
 * was recorded.
 */
export function isPlausible({ wall, queries = 0 }: Reading): boolean {
  return queries >= wall / 2 && queries <= wall;
}

/** Milliseconds from one value of the clock to the next; browsers make it coarse. */
export function clockStep(): number {
  const start = performance.now();
  for (let look = 0; look < mostLooks; look++) {
    const step = performance.now() - start;
    if (step > 0) return step;
  }
  return 0;
}

/** At a clock: some milliseconds, should it stand still. */
const mostLooks = 100_000;

interface Timestamps {
  readonly around: { readonly timestampWrites: GPUComputePassTimestampWrites };
  resolve(encoder: GPUCommandEncoder): void;
  read(): Promise<number>;
  dispose(): void;
}

function createTimestamps(device: GPUDevice): Timestamps {
  const querySet = device.createQuerySet({ label: operation, type: 'timestamp', count: 2 });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const buffer = createBuffer(device, { label: 'timestamps', size: 16, usage });
  return {
    around: { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } },
    resolve(encoder) {
      encoder.resolveQuerySet(querySet, 0, 2, buffer, 0);
    },
    async read() {
      const [begin, end] = new BigUint64Array(await readBuffer(device, buffer)) as unknown as [bigint, bigint];
      return Number(end - begin) / nanosecondsPerMillisecond;
    },
    dispose() {
      querySet.destroy();
      destroyBuffer(device, buffer);
    },
  };
}
