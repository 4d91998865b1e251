import outputText from '../../../kernels/shared/convolution_output.wgsl?raw';
import fullText from '../../../kernels/shared/output_f32.wgsl?raw';
import storedText from '../../../kernels/shared/output_stored.wgsl?raw';
import channelText from '../../../kernels/shared/sum_of_channel.wgsl?raw';
import groupText from '../../../kernels/shared/sum_of_group.wgsl?raw';
import type { KernelStep } from '../plan.js';
import { fitsText } from '../precision.js';
import { reluText } from '../relu.js';
import type { ConvolutionPrecision } from './shape.js';

/** The shared text that says what a window sum is of: all channels of a group, or each channel alone. */
export const sumTexts = { group: groupText, channel: channelText };

/** The shared texts of what every forward convolution does to a finished sum. */
export function outputTexts(
  { precision, outputPrecision }: ConvolutionPrecision,
  sumOf: keyof typeof sumTexts = 'group',
): string[] {
  const stored = precision === outputPrecision ? storedText : fullText;
  return [sumTexts[sumOf], reluText, fitsText, stored, outputText];
}

/** The binding of a status, which has the place of the window sums, or with these that of the residual. */
export function statusBinding(sums: boolean): string {
  return sums ? 'residual' : 'window_sums';
}

/** The dispatch that stores a convolution's output. */
export interface OutputStep extends KernelStep {
  /** Blocks of pixels that threads store: with STATISTICS one mean and variance each. */
  readonly outputBlocks: number;
}
