import outputText from '../../../kernels/shared/convolution_output.wgsl?raw';
import channelText from '../../../kernels/shared/sum_of_channel.wgsl?raw';
import groupText from '../../../kernels/shared/sum_of_group.wgsl?raw';
import type { KernelStep } from '../plan.js';
import { reluText } from '../relu.js';

/** The shared text that says what a window sum is of: all channels of a group, or each channel alone. */
export const sumTexts = { group: groupText, channel: channelText };

/** The shared texts of what every forward convolution does to a finished sum. */
export function outputTexts(sumOf: keyof typeof sumTexts = 'group'): string[] {
  return [sumTexts[sumOf], reluText, outputText];
}

/** The dispatch that stores a convolution's output. */
export interface OutputStep extends KernelStep {
  /** Blocks of pixels that threads store: with STATISTICS one mean and variance each. */
  readonly outputBlocks: number;
}
