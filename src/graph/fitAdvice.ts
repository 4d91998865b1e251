import { ShapeError } from '../errors.js';
import type { Network } from './network.js';
import { elementCount, networkParameters } from './parameters.js';

type Fits = (network: Network, batch: number) => boolean;

/** What to do about a network that does not fit: the largest batch that does or, where one image does not, the largest input. */
export function adviceFor(network: Network, batch: number, fits: Fits): string {
  return batchThatFits(network, batch, fits) ?? inputThatFits(network, fits);
}

function batchThatFits(network: Network, batch: number, fits: Fits): string | undefined {
  if (batch === 1 || !fits(network, 1)) return undefined;
  const largest = largestThat(1, batch, (images) => fits(network, images));
  return `a batch of ${largest} fits`;
}

function inputThatFits(network: Network, fits: Fits): string {
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
