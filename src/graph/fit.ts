import { checkBinding, checkLimit, checkWorkgroups } from '../device/limits.js';
import { ICError, LimitError, ShapeError } from '../errors.js';
import { gridOf, tensorBytes } from '../ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../ops/traits.js';
import type { Network } from './network.js';
import type { NetworkOperation } from './operations.js';
import { elementCount, networkParameters } from './parameters.js';
import { inferShapes } from './shapes.js';

type Planner = (network: Network, batch: number, traits: DeviceTraits) => readonly NetworkOperation[];

/**
 * Refuses a network whose tensors or dispatches exceed the device, before anything is made.
 *
 * @throws LimitError that names the layer and the limit, and the largest batch that fits or, where one image does not, the
 * largest input.
 */
export function checkFit(device: GPUDevice, network: Network, batch: number, planner: Planner): void {
  const traits = deviceTraits(device);
  const excess = excessOf(device, network, batch, planner, traits);
  if (excess === undefined) return;
  const fits = (candidate: Network, images: number): boolean =>
    excessOf(device, candidate, images, planner, traits) === undefined;
  const { operation, parameter, expected, got } = excess;
  const advice = batchThatFits(network, batch, fits) ?? inputThatFits(network, fits);
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

function batchThatFits(
  network: Network,
  batch: number,
  fits: (network: Network, batch: number) => boolean,
): string | undefined {
  if (batch === 1 || !fits(network, 1)) return undefined;
  const largest = largestThat(1, batch, (images) => fits(network, images));
  return `a batch of ${largest} fits`;
}

function inputThatFits(network: Network, fits: (network: Network, batch: number) => boolean): string {
  const { height, width } = network.input;
  const parameters = parameterCount(network);
  const scaled = (parts: number): Network => {
    const size = (full: number): number => Math.max(1, Math.floor((full * parts) / height));
    return { ...network, input: { ...network.input, height: parts, width: size(width) } };
  };
  const valid = (parts: number): boolean => {
    try {
      // With other parameters, such as a dense layer's behind fewer pixels, it would be another network.
      return parameterCount(scaled(parts)) === parameters && fits(scaled(parts), 1);
    } catch (error) {
      // Too small for a window of the network.
      if (error instanceof ShapeError) return false;
      throw error;
    }
  };
  for (let parts = height - 1; parts > 0; parts = Math.floor(parts * 0.95)) {
    if (!valid(parts)) continue;
    const { input } = scaled(largestThat(parts, height, valid));
    return `an input of ${input.height} x ${input.width} at batch 1 fits`;
  }
  return 'no smaller batch or input fits';
}

function parameterCount(network: Network): number {
  return networkParameters(network).reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** The largest number that holds, where `low` does, `high` does not, and none above one that does not. */
function largestThat(low: number, high: number, holds: (value: number) => boolean): number {
  let [held, failed] = [low, high];
  while (failed - held > 1) {
    const middle = Math.floor((held + failed) / 2);
    if (holds(middle)) held = middle;
    else failed = middle;
  }
  return held;
}
