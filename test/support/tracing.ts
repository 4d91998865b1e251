import type { Browser, Page } from 'playwright-core';

/** One event of a trace, of those that last. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of the thread's own time. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/**
 * The processor time in milliseconds of every task that the page's main thread ran meanwhile. Other work on the machine does
 * not count, as it would by the clock.
 */
export async function mainThreadTasks(
  browser: Browser,
  page: Page,
  meanwhile: () => Promise<unknown>,
): Promise<number[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'] });
  await meanwhile();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString('utf8')) as { traceEvents: TraceEvent[] };
  const mainThreads = traceEvents
    .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
    .map(({ pid, tid }) => `${pid} ${tid}`);
  return traceEvents
    .filter(({ ph, name, pid, tid }) => ph === 'X' && /RunTask/.test(name) && mainThreads.includes(`${pid} ${tid}`))
    .map(({ tdur }) => (tdur ?? 0) / 1000);
}
