import { checkBinding, checkLimit, checkWorkgroups } from '../device/limits.js';
import { ICError, LimitError } from '../errors.js';
import { gridOf, tensorBytes } from '../ops/plan.js';
import { type DeviceTraits, planningTraits } from '../ops/traits.js';
import type { Network } from './network.js';
import type { NetworkOperation } from './operations.js';
import { inferShapes } from './shapes.js';

type Planner = (network: Network, batch: number, traits: DeviceTraits) => readonly NetworkOperation[];

/**
 * Refuses a network whose tensors or dispatches exceed the device, before anything is made.
 *
 * @throws LimitError that names the layer and the limit, and the largest batch that fits or, where one image does not, the
 * largest input.
 */
export async function checkFit(device: GPUDevice, network: Network, batch: number, planner: Planner): Promise<void> {
  const traits = planningTraits(device);
  const excess = excessOf(device, network, batch, planner, traits);
  if (excess === undefined) return;
  const fits = (candidate: Network, images: number): boolean =>
    excessOf(device, candidate, images, planner, traits) === undefined;
  const { operation, parameter, expected, got } = excess;
  // Loaded where something does not fit.
  const { adviceFor } = await import('./fitAdvice.js');
  const advice = adviceFor(network, batch, fits);
  throw new LimitError({ operation, parameter, expected: `${expected}; ${advice}`, got }, { cause: excess });
}

/** The first limit that the network's operations exceed. */
function excessOf(
  device: GPUDevice,
  network: Network,
  batch: number,
  planner: Planner,
  traits: DeviceTraits,
): LimitError | undefined {
  try {
    const needed = tensorBytes(...inferShapes(network, batch).get('input')!);
    checkLimit(device, { operation: 'compile', parameter: 'input', limit: 'maxBufferSize', needed });
    for (const operation of planner(network, batch, traits)) checkOperation(device, operation);
    return undefined;
  } catch (error) {
    if (error instanceof LimitError) return error;
    throw error;
  }
}

function checkOperation(device: GPUDevice, { layer, plan }: NetworkOperation): void {
  try {
    for (const [name, { bytes }] of Object.entries(plan.operands)) checkBinding(device, plan.operation, name, bytes);
    for (const { workgroups } of [...plan.steps, ...(plan.prepare ?? [])]) {
      checkWorkgroups(device, plan.operation, [...gridOf(workgroups), 1]);
    }
  } catch (error) {
    throw error instanceof ICError ? error.at(layer) : error;
  }
}
