/** How much of a device runs side by side, and how fast it is. */
export interface Machine {
  /** Units that run workgroups side by side: multiprocessors, compute units, cores. */
  readonly units: number;
  /** Workgroups that a unit runs at a time. */
  readonly resident: number;
  /** Threads that such a workgroup has at least; of smaller ones a unit runs as many more. */
  readonly residentThreads: number;
  /** Multiply-adds of float32 a second, of all units. */
  readonly multiplyAdds: number;
  /** Bytes a second between units and memory. */
  readonly bytes: number;
  /** Seconds from one dispatch to the next that waits for it. */
  readonly dispatch: number;
}

/** What a dispatch has to do. */
export interface DispatchWork {
  /** In all. */
  readonly workgroups: number;
  /** Of a workgroup. */
  readonly threads: number;
  /** Multiply-adds of a workgroup's threads, those of padding and idle lanes included; the mean where workgroups differ. */
  readonly products: number;
  /** What a workgroup does besides, by the multiply-adds that its threads could make meanwhile. */
  readonly overhead: number;
  /** How much longer than the mean the longest workgroup takes; 1 where left out. */
  readonly longest?: number;
  /** Read and written, each byte once. */
  readonly bytes: number;
}

/** Workgroups that run at a time. */
export function runningWorkgroups({ units, resident, residentThreads }: Machine, threads: number): number {
  return units * Math.ceil(resident * Math.max(1, residentThreads / threads));
}

/**
 * The time of a dispatch without its start, in multiply-adds that the machine could make meanwhile: rounds of workgroups that run
 * side by side, of which the last leaves units idle, or the way of the bytes where that takes longer.
 */
export function dispatchTime(work: Omit<DispatchWork, 'overhead'> & { overhead?: number }, machine: Machine): number {
  const { workgroups, threads, products, overhead = 0, longest = 1, bytes } = work;
  const running = runningWorkgroups(machine, threads);
  const rounds = Math.max(Math.ceil(workgroups / running), longest);
  return Math.max(rounds * running * (products + overhead), (bytes * machine.multiplyAdds) / machine.bytes);
}

/** The time of dispatches that wait for one another, in multiply-adds that the machine could make meanwhile. */
export function machineTime(work: readonly DispatchWork[], machine: Machine): number {
  const start = machine.dispatch * machine.multiplyAdds;
  return work.reduce((sum, one) => sum + dispatchTime(one, machine) + start, 0);
}
