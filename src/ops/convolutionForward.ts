import naiveText from '../../kernels/conv2d_naive.wgsl?raw';
import subgroupText from '../../kernels/conv2d_subgroup.wgsl?raw';
import outputText from '../../kernels/shared/convolution_output.wgsl?raw';
import { ShapeError, UnsupportedError } from '../errors.js';
import type { Constants } from '../wgsl/assemble.js';
import { broadcastColumns, chooseBroadcastTile } from './broadcastTiles.js';
import {
  type Adjust,
  adjustBytes,
  adjustConstant,
  asOneRow,
  type ConvolutionGeometry,
  type ConvolutionShape,
  checkConvolution,
  geometryConstants,
  isPointwise,
} from './convolution.js';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import type { DeviceTraits } from './traits.js';
import { vectorText } from './vectors.js';

/** The form of a convolution kernel. */
export type ConvolutionFamily = 'naive' | 'subgroup';

/** What a forward convolution does besides multiplying; all of it happens in registers before the one store. */
export interface ConvolutionOptions {
  /** Default `none`. */
  readonly adjust?: Adjust;
  readonly bias?: boolean;
  /** Batch normalisation as a scale and shift per channel behind the unit. */
  readonly scaleShift?: boolean;
  /** Adds a tensor of the output's shape. */
  readonly residual?: boolean;
  readonly relu?: boolean;
  /** Also stores the window sums [batch, outHeight, outWidth, groups], which the backward pass reads. */
  readonly storeSums?: boolean;
  /** The kernel's form; the device's best by default. */
  readonly family?: ConvolutionFamily;
}

/**
 * Convolution or IC convolution (arXiv 2102.03495): y = z + relu(z - adjust * S), with batch norm's scale and shift,
 * residual and ReLU, in one dispatch.
 *
 * Operands: input [N, H, W, C], filter [R, S, C / groups, K], output [N, P, Q, K]; with the options, bias [K], adjust
 * [K] or [C], scaleShift [2, K], residual [N, P, Q, K] and windowSums [N, P, Q, groups]. All float32.
 *
 * @throws ShapeError for a shape that does not fit, or `storeSums` without an IC unit; UnsupportedError for a family that
 *   the device cannot run.
 */
export function planConvolution(
  shape: ConvolutionShape,
  options: ConvolutionOptions,
  traits: DeviceTraits,
): OperationPlan {
  const adjust = options.adjust ?? 'none';
  const operation = adjust === 'none' ? 'conv2d' : 'icConv2d';
  const geometry = checkConvolution(operation, shape);
  if (options.storeSums && adjust === 'none') {
    throw new ShapeError({ operation, parameter: 'storeSums', expected: 'adjust output or input', got: adjust });
  }
  const flags = {
    ADJUST: adjustConstant(adjust),
    BIAS: options.bias ?? false,
    SCALE_SHIFT: options.scaleShift ?? false,
    RESIDUAL: options.residual ?? false,
    RELU: options.relu ?? false,
    STORE_SUMS: options.storeSums ?? false,
    ADD_SUMS: false,
    SUMS_FACTOR: false,
    ACCUMULATE: false,
  };
  const operands: Record<string, Operand> = {
    input: { bytes: geometry.inputBytes, use: 'input' },
    filter: { bytes: geometry.filterBytes, use: 'input' },
    output: { bytes: geometry.outputBytes, use: 'output' },
  };
  const bindings: Record<string, string> = { input: 'input', filters: 'filter', output: 'output' };
  const add = (binding: string, name: string, operand: Operand): void => {
    operands[name] = operand;
    bindings[binding] = name;
  };
  const channels = geometry.outChannels;
  if (flags.BIAS) add('bias', 'bias', { bytes: tensorBytes(channels), use: 'input' });
  if (adjust !== 'none') add('adjust', 'adjust', { bytes: adjustBytes(shape, adjust), use: 'input' });
  if (flags.SCALE_SHIFT) add('scale_shift', 'scaleShift', { bytes: tensorBytes(2, channels), use: 'input' });
  if (flags.RESIDUAL) add('residual', 'residual', { bytes: geometry.outputBytes, use: 'input' });
  if (flags.STORE_SUMS) add('window_sums', 'windowSums', { bytes: geometry.windowSumBytes, use: 'output' });

  const family = chooseFamily(operation, geometry, traits, options.family);
  const step =
    family === 'naive' ? naiveStep(geometry, flags, bindings) : broadcastStep(geometry, flags, bindings, traits);
  return { operation, operands, steps: [step] };
}

/**
 * The family asked for, or the best one: broadcast pays where a subgroup's lanes find enough channels to work on.
 *
 * @throws UnsupportedError for `subgroup` on a device without subgroups of one size.
 */
export function chooseFamily(
  operation: string,
  geometry: ConvolutionGeometry,
  { subgroup }: DeviceTraits,
  wanted?: ConvolutionFamily,
): ConvolutionFamily {
  if (wanted === 'subgroup' && subgroup === undefined) {
    const expected = 'a device with subgroups of one size';
    throw new UnsupportedError({ operation, parameter: 'family', expected, got: 'none' });
  }
  if (wanted) return wanted;
  if (subgroup === undefined || subgroup < 4 || subgroup > 32) return 'naive';
  return geometry.groupOut * 2 >= subgroup ? 'subgroup' : 'naive';
}

function naiveStep(geometry: ConvolutionGeometry, flags: Constants, operands: Record<string, string>): KernelStep {
  const elements = geometry.batch * geometry.outHeight * geometry.outWidth * geometry.outChannels;
  return {
    kernel: { name: 'conv2d_naive', text: naiveText, shared: [vectorText(1), outputText] },
    constants: { ...geometryConstants(geometry), ...flags },
    workgroups: threadGroups(elements),
    operands,
  };
}

/** The broadcast kernel for a convolution whose input is read with `up - 1` zeros between its pixels. */
export function broadcastStep(
  given: ConvolutionGeometry,
  flags: Constants,
  operands: Record<string, string>,
  traits: DeviceTraits,
  up: readonly [number, number] = [1, 1],
): KernelStep {
  const geometry = isPointwise(given) && up.every((size) => size === 1) ? asOneRow(given) : given;
  const subgroup = traits.subgroup!;
  const tile = chooseBroadcastTile(geometry, subgroup, up[1]);
  const { columns, columnStep, pixelStep } = broadcastColumns(geometry, tile.pixels, tile.taps);
  const columnBlocks = Math.ceil(Math.ceil(geometry.outWidth / up[1]) / tile.pixels);
  const imageBlocks = Math.ceil(geometry.batch / tile.images);
  const channelBlocks = Math.ceil(geometry.groupOut / (tile.vector * subgroup));
  return {
    kernel: { name: 'conv2d_subgroup', text: subgroupText, shared: [vectorText(tile.vector), outputText] },
    constants: {
      ...geometryConstants(geometry),
      ...flags,
      UP_HEIGHT: up[0],
      UP_WIDTH: up[1],
      SUBGROUP: subgroup,
      CHUNK: Math.min(subgroup, geometry.groupIn),
      PIXELS: tile.pixels,
      IMAGES: tile.images,
      TAPS: tile.taps,
      COLUMNS: columns,
      COLUMN_STEP: columnStep,
      PIXEL_STEP: pixelStep,
      COLUMN_BLOCKS: columnBlocks,
      IMAGE_BLOCKS: imageBlocks,
      CHANNEL_BLOCKS: channelBlocks,
    },
    workgroups: columnBlocks * up[1] * geometry.outHeight * imageBlocks * channelBlocks * geometry.groups,
    operands,
  };
}
