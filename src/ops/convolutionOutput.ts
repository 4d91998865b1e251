import outputText from '../../kernels/shared/convolution_output.wgsl?raw';
import { reluText } from './relu.js';

/** The shared texts of what every forward convolution does to a finished sum. */
export const outputTexts: readonly string[] = [reluText, outputText];
