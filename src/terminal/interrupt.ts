import { constants } from 'node:os';

/** Work that is to end in order. */
const working = new Set<AbortController>();

/** What a shell gives for a program that a signal ended. */
function codeOf(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}

/**
 * Lets Ctrl-C, or SIGTERM, ask for an orderly end: the signal aborts at the first, a second one ends the process at once. The
 * exit code is the signal's, whatever is done in order.
 */
export function interruptSignal(onInterrupt: () => void): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const interrupt = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(codeOf(name));
    process.exitCode = codeOf(name);
    controller.abort();
    onInterrupt();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, interrupt);
  working.add(controller);
  return {
    signal: controller.signal,
    release() {
      for (const name of signals) process.off(name, interrupt);
      working.delete(controller);
    },
  };
}

/** Ends a process whose words nobody reads any more, in order where there is work that wants it. */
export function endUnread(): void {
  if (working.size === 0) process.exit();
  process.exitCode ??= codeOf('SIGPIPE');
  for (const controller of working) controller.abort();
}
