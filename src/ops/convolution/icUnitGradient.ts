import unitText from '../../../kernels/ic_unit_gradient.wgsl?raw';
import sumText from '../../../kernels/ic_window_sum_gradient.wgsl?raw';
import scatterText from '../../../kernels/window_scatter.wgsl?raw';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from '../plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from '../precision.js';
import { channelSlices, sumSlicesStep } from '../slices.js';
import { vectorText, widestVector } from '../vectors.js';
import { isDepthwise } from './depthwise.js';
import { sumTexts } from './output.js';
import {
  adjustConstant,
  type ConvolutionGeometry,
  type ConvolutionShape,
  checkConvolution,
  geometryConstants,
  unitOperand,
} from './shape.js';

/**
 * Gradient of the IC unit y = z + relu(z - t) behind its convolution, t = adjust[k] S or, for `input`, S; with `offset`
 * less offset[k].
 *
 * The mask needs no memory of its own: the unit grows with z and leaves t where it is, so z > t just where y > t, and y
 * and the window sums are kept anyway.
 *
 * Operands: gradient [N, P, Q, K] of y, output [N, P, Q, K] (y itself), windowSums [N, P, Q, groups], zGradient
 * [N, P, Q, K] and inputSums [N, H, W, groups] (both overwritten; the latter is what reaches the input through the window
 * sums, for {@link planConvolutionInputGradient}), scratch sumGradient; for `output` also adjust [K], adjustGradient [K]
 * (overwritten) and scratch slices. For `input` the gradient of adjust is the channel sum of input * inputSums. With `offset`,
 * adjust, of either form, as `planConvolution` has it, offsetGradient [K] (overwritten) and scratch slices.
 *
 * With `inPlace` there is no operand gradient: zGradient holds it beforehand. With `precision` float16 gradient, output and
 * zGradient are that, and there is status.
 *
 * @throws ShapeError for a shape that does not fit.
 */
export function planIcUnitGradient(
  shape: ConvolutionShape,
  adjust: 'output' | 'input',
  options: { readonly inPlace?: boolean; readonly offset?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'icUnitGradient';
  const { inPlace = false, offset = false, precision = 'float32' } = options;
  const geometry = checkConvolution(operation, shape);
  const { outChannels, batch, inHeight, inWidth, groups } = geometry;
  const weighted = adjust === 'output';
  const { offsets, bytes } = unitOperand(operation, geometry, { adjust, offset });
  const pixels = batch * geometry.outHeight * geometry.outWidth;
  const apart = isDepthwise(geometry);
  const kernelGroups = apart ? 1 : groups;
  const split = channelSlices(pixels, outChannels, kernelGroups);
  const full = storedOperand(precision, 'input', pixels, outChannels);
  const checked = checkedStep(precision === 'float16');
  const operands: Record<string, Operand> = {
    ...(!inPlace && { gradient: full }),
    output: full,
    windowSums: { bytes: geometry.windowSumBytes, use: 'input' },
    zGradient: { ...full, use: inPlace ? 'inout' : 'output' },
    inputSums: { bytes: tensorBytes(batch, inHeight, inWidth, groups), use: 'output' },
    sumGradient: { bytes: geometry.windowSumBytes, use: 'scratch' },
    ...statusOperand(precision),
  };
  // What is summed over the pixels, one behind the other in the slices.
  const totals = [...(weighted ? ['adjustGradient'] : []), ...(offset ? ['offsetGradient'] : [])];
  const firstOf = (total: number): number => total * split.slices * outChannels;
  if (totals.length > 0) {
    operands.adjust = { bytes, use: 'input' };
    operands.slices = { bytes: tensorBytes(firstOf(totals.length)), use: 'scratch' };
  }
  for (const name of totals) operands[name] = { bytes: tensorBytes(outChannels), use: 'output' };
  const form = { ADJUST: adjustConstant(adjust), OFFSETS: offsets };
  const constants = { PIXELS: pixels, CHANNELS: outChannels, GROUPS: kernelGroups, ...form };
  const weights = totals.length > 0 ? { adjust: 'adjust' } : {};
  const unit: KernelStep = {
    kernel: {
      name: 'ic_unit_gradient',
      text: unitText,
      shared: [
        ...storedTexts(split.vector, precision),
        split.text,
        sumTexts[apart ? 'channel' : 'group'],
        ...checked.shared,
      ],
    },
    constants: {
      ...constants,
      ...split.constants,
      FIRST: firstOf(weighted ? 1 : 0),
      CHANNEL_SUMS: apart,
      IN_PLACE: inPlace,
      ...checked.constants,
    },
    workgroups: split.workgroups,
    operands: {
      ...(!inPlace && { gradient: 'gradient' }),
      output: 'output',
      window_sums: 'windowSums',
      z_gradient: 'zGradient',
      ...weights,
      ...(totals.length > 0 && { partials: 'slices' }),
      ...(apart && { sum_gradient: 'sumGradient' }),
      ...checked.operands,
    },
  };
  const sums: KernelStep = {
    kernel: {
      name: 'ic_window_sum_gradient',
      text: sumText,
      shared: storedTexts(widestVector(geometry.groupOut), precision),
    },
    constants,
    workgroups: threadGroups(pixels * groups),
    operands: {
      z_gradient: 'zGradient',
      output: 'output',
      window_sums: 'windowSums',
      sum_gradient: 'sumGradient',
      ...weights,
    },
  };
  const added = totals.map((name, total) => sumSlicesStep(split.slices, outChannels, name, firstOf(total)));
  return { operation, operands, steps: [unit, ...added, ...(apart ? [] : [sums]), scatterStep(geometry)] };
}

function scatterStep(geometry: ConvolutionGeometry): KernelStep {
  const { batch, inHeight, inWidth, groups } = geometry;
  const vector = widestVector(groups);
  return {
    kernel: { name: 'window_scatter', text: scatterText, shared: [vectorText(vector)] },
    constants: geometryConstants(geometry),
    workgroups: threadGroups((batch * inHeight * inWidth * groups) / vector),
    operands: { sums: 'sumGradient', output: 'inputSums' },
  };
}
