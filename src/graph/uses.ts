import { BusyError } from '../errors.js';

/**
 * How a call uses what calls share, such as a network's state: `look` takes it as it is at one moment, in the order of the
 * queue; `read` needs it unchanged for a while; `step` changes it at moments, and leaves it whole in between; `write` leaves it
 * incomplete until it has ended.
 */
export type Use = 'look' | 'read' | 'step' | 'write';

/** A thing that is used, how, and what errors call it. */
export interface Used {
  readonly thing: object;
  readonly name: string;
  readonly use: Use;
}

/** What may begin while a use goes on. */
const allowed: Readonly<Record<Use, readonly Use[]>> = {
  look: ['look', 'read', 'step'],
  read: ['look', 'read'],
  step: ['look'],
  write: [],
};

const goingOn = new WeakMap<object, Set<{ readonly operation: string; readonly use: Use }>>();

/**
 * Refuses a use that would not go well beside those that are going on.
 *
 * @throws BusyError
 */
export function checkFree(operation: string, { thing, name, use }: Used): void {
  for (const other of goingOn.get(thing) ?? []) {
    if (allowed[other.use].includes(use)) continue;
    throw new BusyError({
      operation,
      parameter: name,
      expected: 'no other call at work with it',
      got: other.operation,
    });
  }
}

/**
 * Works with things that other calls may want meanwhile.
 *
 * @throws BusyError at once, before any work, where another call has one of them; what the work throws.
 */
export async function using<T>(operation: string, things: readonly Used[], work: () => Promise<T>): Promise<T> {
  for (const used of things) checkFree(operation, used);
  const ends = things.map(({ thing, use }) => {
    const uses = goingOn.get(thing) ?? new Set();
    const own = { operation, use };
    goingOn.set(thing, uses.add(own));
    return () => uses.delete(own);
  });
  try {
    return await work();
  } finally {
    for (const end of ends) end();
  }
}
