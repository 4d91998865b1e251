import sliceText from '../../kernels/shared/channel_slice.wgsl?raw';
import text from '../../kernels/sum_slices.wgsl?raw';
import { type KernelStep, threadGroups } from './plan.js';
import { type VectorWidth, vectorWidths } from './vectors.js';

/**
 * The last step of a split reduction: adds up the scratch operand `slices` [slices, count] into an operand [count].
 *
 * @param first - the index of the first element of it that counts
 */
export function sumSlicesStep(slices: number, count: number, output: string, first = 0): KernelStep {
  return {
    kernel: { name: 'sum_slices', text },
    constants: { SLICES: slices, COUNT: count, FIRST: first },
    workgroups: threadGroups(count),
    operands: { slices: 'slices', output },
  };
}

/** How a reduction over pixels, channel by channel, is split among workgroups. */
export interface ChannelSlices {
  /** Shared by the kernels that reduce so. */
  readonly text: string;
  readonly vector: VectorWidth;
  readonly slices: number;
  readonly workgroups: number;
  readonly constants: { LANES: number; CHANNEL_BLOCKS: number; SLICE_PIXELS: number };
}

const mostLanes = 64;
const mostSlices = 256;
const shortestSlice = 32;

/** Slices of at least 32 pixels, at most 256 of them; lanes along the channels of a group, as vectors where they divide. */
export function channelSlices(pixels: number, channels: number, groups = 1): ChannelSlices {
  const vector = vectorWidths.find((width) => (channels / groups) % width === 0)!;
  const vectors = channels / vector;
  const lanes = Math.min(vectors, mostLanes);
  const blocks = Math.ceil(vectors / lanes);
  const slicePixels = Math.max(shortestSlice, Math.ceil(pixels / mostSlices));
  const slices = Math.ceil(pixels / slicePixels);
  const constants = { LANES: lanes, CHANNEL_BLOCKS: blocks, SLICE_PIXELS: slicePixels };
  return { text: sliceText, vector, slices, workgroups: blocks * slices, constants };
}
