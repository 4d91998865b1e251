import text from '../../kernels/softmax.wgsl?raw';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { requireInteger } from './windows.js';

/**
 * Softmax over the channels of every pixel. Operands: input, output [pixels, channels].
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planSoftmax(pixels: number, channels: number): OperationPlan {
  const operation = 'softmax';
  requireInteger(pixels, 1, 'pixels', { operation, prefix: '' });
  requireInteger(channels, 1, 'channels', { operation, prefix: '' });
  const bytes = tensorBytes(pixels, channels);
  return {
    operation,
    operands: { input: { bytes, use: 'input' }, output: { bytes, use: 'output' } },
    steps: [
      {
        kernel: { name: 'softmax', text },
        constants: { PIXELS: pixels, CHANNELS: channels },
        workgroups: threadGroups(pixels),
        operands: { input: 'input', output: 'output' },
      },
    ],
  };
}
