import filtersText from '../../kernels/ic_activity_filters.wgsl?raw';
import mapText from '../../kernels/ic_activity_map.wgsl?raw';
import { adjustConstant, type ConvolutionShape, checkConvolution, unitOperand } from './convolution/shape.js';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';

/**
 * Where the second term of an IC unit y = z + relu(z - t) fires, counted by pixel and by filter.
 *
 * Operands: output [N, P, Q, K] (y itself, before batch norm), windowSums [N, P, Q, groups], for `output` or with `offset` adjust
 * as `planConvolution` has it; map [N, P, Q] (u32, overwritten: filters that fire) and filters [N, K] (u32, overwritten: pixels
 * where they fire).
 *
 * @throws ShapeError for a shape that does not fit.
 */
export function planIcActivity(
  shape: ConvolutionShape,
  adjust: 'output' | 'input',
  { offset = false }: { readonly offset?: boolean } = {},
): OperationPlan {
  const operation = 'icActivity';
  const geometry = checkConvolution(operation, shape);
  const { batch, outHeight, outWidth, outChannels, outputBytes, windowSumBytes, groups } = geometry;
  const { offsets, bytes } = unitOperand(operation, geometry, { adjust, offset });
  const weighted = adjust === 'output' || offset;
  const pixels = outHeight * outWidth;
  const constants = { CHANNELS: outChannels, GROUPS: groups, ADJUST: adjustConstant(adjust), OFFSETS: offsets };
  const given = { output: 'output', window_sums: 'windowSums', ...(weighted && { adjust: 'adjust' }) };
  return {
    operation,
    operands: {
      output: { bytes: outputBytes, use: 'input' },
      windowSums: { bytes: windowSumBytes, use: 'input' },
      ...(weighted && { adjust: { bytes, use: 'input' as const } }),
      map: { bytes: tensorBytes(batch, pixels), use: 'output' },
      filters: { bytes: tensorBytes(batch, outChannels), use: 'output' },
    },
    steps: [
      {
        kernel: { name: 'ic_activity_map', text: mapText },
        constants: { PIXELS: batch * pixels, ...constants },
        workgroups: threadGroups(batch * pixels),
        operands: { ...given, map: 'map' },
      },
      {
        kernel: { name: 'ic_activity_filters', text: filtersText },
        constants: { BATCH: batch, PIXELS: pixels, ...constants },
        workgroups: threadGroups(batch * outChannels),
        operands: { ...given, filters: 'filters' },
      },
    ],
  };
}
