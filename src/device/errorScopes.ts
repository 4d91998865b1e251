import { type ICError, LimitError, UnsupportedError } from '../errors.js';
import { assertAlive, deviceLostError } from './device.js';

const filters: readonly GPUErrorFilter[] = ['validation', 'out-of-memory', 'internal'];

function typedError(operation: string, filter: GPUErrorFilter, message: string, cause?: unknown): ICError {
  const details = { operation, parameter: filter, got: message.trim() };
  if (filter === 'out-of-memory') return new LimitError({ ...details, expected: 'enough memory on the device' });
  return new UnsupportedError({ ...details, expected: 'work that the device accepts' }, { cause });
}

/** Pops the scopes in the order opposite to that of {@link filters}; the first error found, if any. */
async function popScopes(device: GPUDevice, operation: string): Promise<ICError | undefined> {
  const pops = filters.toReversed().map(async (filter) => {
    const error = await device.popErrorScope();
    return error ? typedError(operation, filter, error.message) : undefined;
  });
  return (await Promise.all(pops)).find((error) => error !== undefined);
}

function isPipelineError(error: unknown): error is GPUPipelineError {
  return error instanceof Error && error.name === 'GPUPipelineError';
}

/**
 * Runs `work` between error scopes for validation, out-of-memory and internal errors, so that no GPU error is reported
 * uncaught.
 *
 * The scopes of a device are one stack that everybody shares. They are therefore popped as soon as `work` returns, not
 * when its promise resolves: they cover the calls that `work` makes before its first `await`. Pipelines that are created
 * asynchronously reject instead, which is caught here all the same.
 *
 * @param operation - Named in the errors.
 * @returns What `work` returns or resolves to.
 * @throws LimitError where memory ran out, UnsupportedError where the device refused a call or a pipeline,
 *   DeviceLostError where the device was or got lost; whatever else `work` throws passes through.
 */
export async function guard<T>(device: GPUDevice, operation: string, work: () => T | Promise<T>): Promise<T> {
  assertAlive(device, operation);
  for (const filter of filters) device.pushErrorScope(filter);
  const running = (async () => work())();
  const [caught, result] = await Promise.allSettled([popScopes(device, operation), running]);

  assertAlive(device, operation);
  if (caught.status === 'rejected') throw deviceLostError(device, operation, { cause: caught.reason });
  // An error in a scope is the cause of what follows from it, such as a pipeline that a faulty shader made fail.
  if (caught.value) throw caught.value;
  if (result.status === 'fulfilled') return result.value;
  const { reason } = result;
  throw isPipelineError(reason) ? typedError(operation, reason.reason, reason.message, reason) : reason;
}
