import {
  BusyError,
  DeviceLostError,
  DisposedError,
  FormatError,
  ICError,
  LimitError,
  NumericError,
  ShapeError,
  UnsupportedError,
} from '../../errors.js';
import type { NoticeName, Notices, Trouble, WorkerMessage } from '../protocol.js';

/** Sends a message to the page. */
export function post(message: WorkerMessage, transfer: Transferable[] = []): void {
  globalThis.postMessage(message, { transfer });
}

/** Tells the page something unasked. */
export function tell<Name extends NoticeName>(notice: Name, content: Notices[Name]): void {
  post({ notice, content });
}

/** By name: a build shortens those of classes. */
const errorKinds = {
  ShapeError,
  LimitError,
  UnsupportedError,
  DeviceLostError,
  FormatError,
  NumericError,
  DisposedError,
  BusyError,
};

/** An error in a form that crosses to the page. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof ICError) {
    const { operation, parameter, expected, got } = error;
    // Without the function that refused, which tells a visitor nothing.
    const message = `${parameter}: expected ${expected}, got ${got}`;
    const name = Object.entries(errorKinds).find(([, Kind]) => error instanceof Kind)?.[0] ?? 'ICError';
    return { name, message, operation, parameter };
  }
  return error instanceof Error ? { name: error.name, message: error.message } : { name: 'Error', message: `${error}` };
}
