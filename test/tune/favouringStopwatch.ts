type Stopwatches = typeof import('../../src/measure/stopwatch.js');

/** What the stopwatch finds twice as fast as the rest: kernels whose name has this in it. And what comes ahead of every sample. */
export const clock = { favoured: 'naive', samples: 0, onSample() {} };

/** Runs what is timed, and tells what {@link clock} says: which form is fastest does not depend on the machine. */
export function favouring(own: Stopwatches): Stopwatches {
  return {
    ...own,
    createStopwatch(device) {
      const stopwatch = own.createStopwatch(device);
      return {
        ...stopwatch,
        async time(plan, runs) {
          clock.samples++;
          clock.onSample();
          await stopwatch.time(plan, runs);
          const labels: string[] = [];
          const pass = {
            setPipeline: ({ label }: GPUComputePipeline) => void labels.push(label),
            setBindGroup() {},
            dispatchWorkgroups() {},
          };
          plan.encode(pass as unknown as GPUComputePassEncoder);
          return { wall: runs * (labels.some((label) => label.includes(clock.favoured)) ? 4 : 8) };
        },
      };
    },
  };
}
