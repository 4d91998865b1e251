import outputText from '../../../kernels/shared/convolution_output.wgsl?raw';
import fullText from '../../../kernels/shared/output_f32.wgsl?raw';
import storedText from '../../../kernels/shared/output_stored.wgsl?raw';
import channelText from '../../../kernels/shared/sum_of_channel.wgsl?raw';
import groupText from '../../../kernels/shared/sum_of_group.wgsl?raw';
import type { Constants } from '../../wgsl/constants.js';
import type { KernelStep } from '../plan.js';
import { fitsText } from '../precision.js';
import type { ConvolutionPrecision } from './shape.js';

/** The shared text that says what a window sum is of: all channels of a group, or each channel alone. */
export const sumTexts = { group: groupText, channel: channelText };

/** What a convolution does to a finished sum. */
export interface OutputWork {
  /** The constants of shared/convolution_output.wgsl. */
  readonly flags: Constants;
  /** The text of the activation, which flags may leave unused. */
  readonly activation: string;
}

/** The shared texts of what every forward convolution does to a finished sum. */
export function outputTexts(
  { precision, outputPrecision }: ConvolutionPrecision,
  activation: string,
  sumOf: keyof typeof sumTexts = 'group',
): string[] {
  const stored = precision === outputPrecision ? storedText : fullText;
  return [sumTexts[sumOf], activation, fitsText, stored, outputText];
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
