import text from '../../kernels/channel_sums.wgsl?raw';
import { ShapeError } from '../errors.js';
import { sumTexts } from './convolution/output.js';
import { type OperationPlan, tensorBytes } from './plan.js';
import { type PrecisionOptions, storedOperand, storedTexts } from './precision.js';
import { channelSlices, sumSlicesStep } from './slices.js';
import { requireInteger } from './windows.js';

/**
 * Sums over all pixels, channel by channel: the gradient of a bias, or with `factors` of the recalibration weights of an
 * IC convolution's `input` form.
 *
 * Operands: values [pixels, channels] in `precision`, factors [pixels, groups] with `factors`, output [channels], both float32,
 * scratch slices.
 *
 * @throws ShapeError for a size that is no positive integer, or channels that are no multiple of the groups.
 */
export function planChannelSums(
  pixels: number,
  channels: number,
  options: { readonly factors?: boolean; readonly groups?: number } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'channelSums';
  requireInteger(pixels, 1, 'pixels', { operation, prefix: '' });
  requireInteger(channels, 1, 'channels', { operation, prefix: '' });
  const groups = options.groups ?? 1;
  requireInteger(groups, 1, 'groups', { operation, prefix: '' });
  if (channels % groups !== 0) {
    const expected = `a multiple of ${groups} groups`;
    throw new ShapeError({ operation, parameter: 'channels', expected, got: String(channels) });
  }
  const { factors = false, precision = 'float32' } = options;
  // Factors of every channel are vectors of one group.
  const apart = groups === channels;
  const kernelGroups = apart ? 1 : groups;
  const split = channelSlices(pixels, channels, kernelGroups);
  const bytes = tensorBytes(channels);
  return {
    operation,
    operands: {
      values: storedOperand(precision, 'input', pixels, channels),
      ...(factors && { factors: { bytes: tensorBytes(pixels, groups), use: 'input' as const } }),
      slices: { bytes: split.slices * bytes, use: 'scratch' },
      output: { bytes, use: 'output' },
    },
    steps: [
      {
        kernel: {
          name: 'channel_sums',
          text,
          shared: [...storedTexts(split.vector, precision), split.text, sumTexts[apart ? 'channel' : 'group']],
        },
        constants: { PIXELS: pixels, CHANNELS: channels, GROUPS: kernelGroups, FACTORS: factors, ...split.constants },
        workgroups: split.workgroups,
        operands: { values: 'values', partials: 'slices', ...(factors && { factors: 'factors' }) },
      },
      sumSlicesStep(split.slices, channels, 'output'),
    ],
  };
}
