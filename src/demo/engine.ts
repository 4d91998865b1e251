import type { CallArgument, CallName, CallReply, NoticeName, Notices, Trouble, WorkerMessage } from './protocol.js';

/** An error that the worker answered with. */
export class EngineError extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.message);
    this.name = trouble.name;
    this.trouble = trouble;
  }
}

interface Waiting {
  done(reply: unknown): void;
  fail(error: Error): void;
}

let worker: Worker | undefined;
let lastId = 0;
const waiting = new Map<number, Waiting>();
const listeners = new Map<NoticeName, Set<(content: unknown) => void>>();

/** The worker that holds the core of the package; nothing of it is loaded before the first call. */
function engine(): Worker {
  if (worker) return worker;
  let loaded = false;
  worker = new Worker(new URL('./worker/main.ts', import.meta.url), { type: 'module', name: 'ic-networks' });
  worker.addEventListener('message', ({ data }: MessageEvent<WorkerMessage>) => {
    loaded = true;
    receive(data);
  });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    const error = new EngineError({ name: 'WorkerError', message: event.message || 'The worker could not be loaded' });
    for (const { fail } of waiting.values()) fail(error);
    waiting.clear();
    // The next call tries another one.
    if (!loaded) worker = undefined;
    tell('trouble', error.trouble);
  });
  return worker;
}

function receive(message: WorkerMessage): void {
  if ('notice' in message) {
    tell(message.notice, message.content);
    return;
  }
  const call = waiting.get(message.id);
  waiting.delete(message.id);
  if ('trouble' in message) call?.fail(new EngineError(message.trouble));
  else call?.done(message.reply);
}

function tell(notice: NoticeName, content: unknown): void {
  for (const listener of listeners.get(notice) ?? []) listener(content);
}

/**
 * Asks the worker for something.
 *
 * @throws EngineError with what the worker answered instead
 */
export function call<Name extends CallName>(
  name: Name,
  ...[argument, transfer = []]: CallArgument<Name> extends undefined
    ? []
    : [argument: CallArgument<Name>, transfer?: Transferable[]]
): Promise<CallReply<Name>> {
  return new Promise((done, fail) => {
    const id = ++lastId;
    waiting.set(id, { done: done as (reply: unknown) => void, fail });
    engine().postMessage({ call: name, id, argument }, transfer as Transferable[]);
  });
}

/** Listens to what the worker tells unasked. */
export function listen<Name extends NoticeName>(notice: Name, listener: (content: Notices[Name]) => void): void {
  const known = listeners.get(notice) ?? new Set();
  listeners.set(notice, known.add(listener as (content: unknown) => void));
}
