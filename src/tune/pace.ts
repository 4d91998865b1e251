import { assertAlive, deviceLostError } from '../device/device.js';
import { inTurn } from './turns.js';

/** When measuring may do its next short piece of work. */
export interface Pace {
  /**
   * Compiles, which takes nothing of the queue.
   *
   * @throws what the work throws; the signal's reason
   */
  compile<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Runs a piece of work that has the device to itself. It may be run more than once, each time from the start.
   *
   * @throws what the work throws; the signal's reason, DeviceLostError
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Measures something, in many pieces, while nothing else on the device is measured.
   *
   * @throws what the work throws; the signal's reason
   */
  measure<T>(work: () => Promise<T>): Promise<T>;
}

/** For who has the device to himself. */
export const atOnce: Pace = { compile: (work) => work(), run: (work) => work(), measure: (work) => work() };

/** Measuring on a device that others use. */
export interface SharedPace extends Pace {
  /** Notes that others use the device now. */
  noteUse(): void;
  /** Lets a piece that is due have the device, for who would leave it no idle time; resolves once it is done. */
  giveTurn(): Promise<void>;
}

const operation = 'tune';
/** Without a use for so long the device is taken to be free: pieces follow one another. */
const quietMilliseconds = 100;
/** A piece that others come into every time is taken as it is. */
const mostAttempts = 3;

/**
 * Pieces wait for moments at which all that was submitted is done, and while others use the device they take a share of the time.
 * One thing at a time is compiled.
 */
export function sharedPace(device: GPUDevice, share: number, signal: AbortSignal | undefined): SharedPace {
  let uses = 0;
  let lastUse = Number.NEGATIVE_INFINITY;
  /** When the next piece may begin beside others. */
  let due = 0;
  let turnsGiven = 0;
  let compiling: Promise<unknown> = Promise.resolve();
  /** Ends with the piece that waits for the device or has it. */
  let running: Promise<unknown> | undefined;

  async function untilDue(): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const now = performance.now();
      if (now >= due || now - lastUse >= quietMilliseconds) return;
      await sleep(Math.min(due - now, quietMilliseconds), signal);
    }
  }

  /** Resolves at a moment at which all that was submitted is done. */
  async function untilIdle(): Promise<void> {
    for (;;) {
      await untilDue();
      // Who gives a turn submits nothing more until it has ended.
      const [seen, given] = [uses, turnsGiven > 0];
      await device.queue.onSubmittedWorkDone().catch((cause: unknown) => {
        throw deviceLostError(device, operation, { cause });
      });
      if (given || seen === uses) break;
    }
    assertAlive(device, operation);
    signal?.throwIfAborted();
  }

  async function timed<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      const end = performance.now();
      due = end + (end - start) * (1 / share - 1);
    }
  }

  async function attempt<T>(work: () => Promise<T>): Promise<{ result: T; disturbed: boolean }> {
    await untilIdle();
    const seen = uses;
    const result = await timed(work);
    return { result, disturbed: seen !== uses };
  }

  return {
    compile(work) {
      const turn = compiling.then(() => {
        signal?.throwIfAborted();
        return work();
      });
      compiling = turn.catch(() => {});
      return turn;
    },
    async run(work) {
      for (let left = mostAttempts - 1; ; left--) {
        const attempted = attempt(work);
        running = attempted.catch(() => {});
        const { result, disturbed } = await attempted.finally(() => {
          running = undefined;
        });
        if (!disturbed || left === 0) return result;
      }
    },
    measure: (work) => inTurn(device, signal, work),
    noteUse() {
      uses++;
      lastUse = performance.now();
    },
    async giveTurn() {
      if (!running || performance.now() < due) return;
      turnsGiven++;
      await running;
      turnsGiven--;
    },
  };
}

/** Waits; not on once the signal aborts. */
function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener('abort', end);
  });
}
