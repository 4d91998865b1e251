import { closeSync, fstatSync, openSync } from 'node:fs';

const errorOutput = 2;
const ownDescriptors = ['/proc/self/fd', '/dev/fd'];

/**
 * Runs a call whose native code writes to the process's error output, and lets these lines go nowhere. For terminals and pipes alone,
 * which may be opened a second time: a file would get a second position, and lines on top of others. Where the system does not
 * let them be opened again, the call runs as it is. No other thread may open files meanwhile.
 */
export function withoutNativeMessages<T>(call: () => T): T {
  const kept = openAgain(errorOutput);
  if (kept === undefined) return call();
  // The lowest number that is free is what the system gives to the next file that is opened.
  replace('/dev/null');
  try {
    return call();
  } finally {
    replace(`${kept.folder}/${kept.descriptor}`);
    closeSync(kept.descriptor);
  }
}

function replace(path: string): void {
  closeSync(errorOutput);
  openSync(path, 'a');
}

/** The same terminal or pipe under another number, and the folder that it was found in. */
function openAgain(descriptor: number): { readonly descriptor: number; readonly folder: string } | undefined {
  // In whole numbers: with the others Node 20 takes what it looks at next for a pipe, too, and leaves links in its path.
  const status = fstatSync(descriptor, { bigint: true });
  if (!status.isFIFO() && !status.isCharacterDevice()) return undefined;
  for (const folder of ownDescriptors) {
    try {
      return { descriptor: openSync(`${folder}/${descriptor}`, 'a'), folder };
    } catch {
      // Another folder, or none on this system, or a terminal that belongs to another user.
    }
  }
  return undefined;
}
