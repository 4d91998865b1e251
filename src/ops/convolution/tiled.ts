import splitOutputText from '../../../kernels/conv2d_split_output.wgsl?raw';
import tiledText from '../../../kernels/conv2d_tiled.wgsl?raw';
import inOrderText from '../../../kernels/shared/tile_filters_in_order.wgsl?raw';
import turnedText from '../../../kernels/shared/tile_filters_turned.wgsl?raw';
import type { Constants } from '../../wgsl/constants.js';
import type { Form, OfferedForm } from '../forms.js';
import { type DispatchWork, machineTime } from '../machine.js';
import { type Operand, tensorBytes, threadGroups } from '../plan.js';
import { storedTexts } from '../precision.js';
import { type DeviceTraits, machineOf } from '../traits.js';
import { widestVector } from '../vectors.js';
import type { Pair } from '../windows.js';
import { type OutputStep, type OutputWork, outputTexts } from './output.js';
import { type ConvolutionGeometry, geometryConstants, outputPixels } from './shape.js';
import type { BlockTile } from './tileMultiplier.js';
import { formOfTile, multiplierOf, type ProductTile, productTileOf, tilesOf, tileTexts } from './tileProduct.js';

/** Tile of the convolution by tiles in workgroup memory: rows are output pixels, columns output channels. */
export type TiledTile<Tile extends BlockTile = ProductTile> = Tile & {
  /** Parts that the reduction is split into, each of which leaves sums in memory; 1 adds up all in registers. */
  readonly splits: number;
};

/** What a form does with the input, and what with its sums. */
export interface TiledUse {
  /** The input is read as if it had `up - 1` zeros between its pixels; above 1 with a stride of 1 only. */
  readonly up: Pair;
  /** Whether the filters are those of the convolution whose input gradient this is. */
  readonly turned: boolean;
  /** Whether parts of a split reduction may be left in memory; false where the caller takes one dispatch. */
  readonly split: boolean;
}

const splitCounts = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/** Steps that a part has at least. */
const fewestSteps = 4;
/** Pixels of a thread that notes statistics of what it adds up. */
const statisticsPixels = 8;

/** The tiles that suit a geometry, with their work; those in float16 where the traits allow them. */
export function tiledForms(geometry: ConvolutionGeometry, traits: DeviceTraits, use: TiledUse): OfferedForm[] {
  const machine = machineOf(traits);
  const room = use.split ? (traits.parts ?? traits.scratch ?? Number.POSITIVE_INFINITY) : 0;
  const cost = (tile: TiledTile<BlockTile>): number => machineTime(tiledWork(geometry, tile, traits, use.up), machine);
  return tilesOf(phasePixels(geometry, use.up), geometry, traits, true).flatMap((tile) => {
    const whole = { ...tile, splits: 1 };
    const steps = stepsOf(geometry, whole, use.up);
    const split = splitCounts
      .filter(
        (splits) =>
          splits * fewestSteps <= steps && partBytes(geometry, splits) + splits * geometry.windowSumBytes <= room,
      )
      .map((splits) => ({ ...tile, splits: Math.ceil(steps / Math.ceil(steps / splits)) }))
      .map((one) => ({ one, cost: cost(one) }));
    const cheapest =
      split.length === 0 ? [] : [split.reduce((best, next) => (next.cost < best.cost ? next : best)).one];
    return [whole, ...cheapest].map((one) => ({
      ...formOfTile(one),
      work: tiledWork(geometry, one, traits, use.up),
      body: multiplierOf(one, traits).body(one),
    }));
  });
}

/** What the dispatches of a tile have to do. */
export function tiledWork(
  geometry: ConvolutionGeometry,
  tile: TiledTile<BlockTile>,
  traits: DeviceTraits,
  up: Pair,
): DispatchWork[] {
  const { inputBytes, filterBytes, outputBytes, groups } = geometry;
  const { splits } = tile;
  const depthSteps = Math.ceil(geometry.groupIn / tile.blockDepth);
  const splitSteps = Math.ceil(stepsOf(geometry, tile, up) / splits);
  const phases = phaseTaps(geometry, up).map((taps) => taps * depthSteps);
  const steps = phases.reduce((sum, count) => sum + count, 0);
  const parts = phases.reduce((sum, count) => sum + Math.max(splits === 1 ? 1 : 0, Math.ceil(count / splitSteps)), 0);
  const blocks = pixelBlocks(geometry, tile, up) * channelBlocks(geometry, tile) * groups;
  const multiply = {
    workgroups: blocks * parts,
    ...multiplierOf(tile, traits).work(tile, steps / parts, traits),
    longest: (splitSteps * parts) / steps,
    bytes: inputBytes + filterBytes + (splits === 1 ? outputBytes : partBytes(geometry, splits)),
  };
  if (splits === 1) return [multiply];
  const outputs = outputPixels(geometry) * geometry.outChannels;
  const output = { workgroups: Math.ceil(outputs / 256), threads: 64, products: 0, overhead: 64 * (4 * splits + 20) };
  return [multiply, { ...output, bytes: partBytes(geometry, splits) + outputBytes }];
}

/** The dispatches of a tiled form, with the scratch that they need. */
export interface TiledSteps {
  readonly steps: readonly OutputStep[];
  readonly scratch: Readonly<Record<string, Operand>>;
}

/**
 * The kernel for a convolution, and behind a split reduction the one that adds up its parts.
 *
 * @param operands - the operand of each binding
 */
export function tiledSteps(
  geometry: ConvolutionGeometry,
  { flags, activation }: OutputWork,
  operands: Readonly<Record<string, string>>,
  form: Form,
  { up, turned }: Omit<TiledUse, 'split'>,
  traits: DeviceTraits,
): TiledSteps {
  const tile = productTileOf(form.tile);
  const wholeSteps = stepsOf(geometry, tile, up);
  const splitSteps = Math.ceil(wholeSteps / form.tile.splits!);
  // None of them without steps.
  const splits = Math.ceil(wholeSteps / splitSteps);
  const constants = {
    ...geometryConstants(geometry),
    ...flags,
    UP_HEIGHT: up[0],
    UP_WIDTH: up[1],
    SPLITS: splits,
    SPLIT_STEPS: splitSteps,
  };
  const use = { up, turned, activation };
  if (splits === 1) return { steps: [multiplyStep(geometry, constants, operands, tile, use, traits)], scratch: {} };
  const { input, filters, adjust, ...rest } = operands;
  const weighted = flags.SUMS === 2 && { adjust: adjust! };
  const partOperands = {
    input: input!,
    filters: filters!,
    ...weighted,
    output: 'parts',
    ...(flags.SUMS !== 0 && { window_sums: 'partSums' }),
  };
  const partGeometry = { ...geometry, outputPrecision: 'float32' } as const;
  const partConstants = { ...constants, ...flagsOfParts(flags) };
  const parts = multiplyStep(partGeometry, partConstants, partOperands, tile, use, traits);
  const ownConstants = { ...constants, TAP_STEPS: depthSteps(geometry, tile) };
  const adjustBehind = (flags.ADJUST !== 2 || flags.OFFSETS !== 0) && adjust !== undefined;
  const behind = { ...rest, ...(adjustBehind && { adjust }) };
  return {
    steps: [parts, splitOutputStep(geometry, { flags: ownConstants, activation }, behind)],
    scratch: {
      parts: { bytes: partBytes(geometry, splits), use: 'scratch' },
      ...(flags.SUMS !== 0 && { partSums: { bytes: splits * geometry.windowSumBytes, use: 'scratch' as const } }),
    },
  };
}

/** A part is stored as it is, with its window sums. */
function flagsOfParts(flags: Constants): Constants {
  const off = Object.entries(flags).filter(([, value]) => typeof value === 'boolean');
  const none = { ...Object.fromEntries(off.map(([name]) => [name, false])), ADJUST: 0, OFFSETS: 0 };
  return { ...none, STORE_SUMS: flags.SUMS !== 0 };
}

function multiplyStep(
  geometry: ConvolutionGeometry,
  constants: Constants & { readonly SPLITS: number },
  operands: Readonly<Record<string, string>>,
  tile: BlockTile,
  { up, turned, activation }: Omit<TiledUse, 'split'> & Pick<OutputWork, 'activation'>,
  traits: DeviceTraits,
): OutputStep {
  const vector = widestVector(geometry.groupOut);
  const order = { rowsByDepth: false, columnsByDepth: !turned };
  const blocks = { PIXEL_BLOCKS: pixelBlocks(geometry, tile, up), CHANNEL_BLOCKS: channelBlocks(geometry, tile) };
  return {
    kernel: {
      name: 'conv2d_tiled',
      text: tiledText,
      shared: [
        ...tileTexts(tile, vector, geometry, order, traits),
        ...outputTexts(geometry, activation),
        turned ? turnedText : inOrderText,
      ],
    },
    constants: { ...constants, ...multiplierOf(tile, traits).constants(tile, order), ...blocks },
    workgroups: blocks.CHANNEL_BLOCKS * blocks.PIXEL_BLOCKS * up[0] * up[1] * geometry.groups * constants.SPLITS,
    operands,
    outputBlocks: blocks.PIXEL_BLOCKS,
  };
}

function splitOutputStep(
  geometry: ConvolutionGeometry,
  { flags: constants, activation }: OutputWork,
  operands: Readonly<Record<string, string>>,
): OutputStep {
  const vector = widestVector(geometry.groupOut);
  const threadPixels = constants.STATISTICS ? statisticsPixels : 1;
  const outputBlocks = Math.ceil(outputPixels(geometry) / threadPixels);
  return {
    kernel: {
      name: 'conv2d_split_output',
      text: splitOutputText,
      shared: [...storedTexts(vector, geometry.precision), ...outputTexts(geometry, activation)],
    },
    constants: { ...constants, THREAD_PIXELS: threadPixels },
    workgroups: threadGroups((outputBlocks * geometry.outChannels) / vector),
    operands: { ...operands, parts: 'parts', ...(constants.SUMS !== 0 && { part_sums: 'partSums' }) },
    outputBlocks,
  };
}

/** Of the parts of a split reduction, which are float32. */
function partBytes(geometry: ConvolutionGeometry, splits: number): number {
  return tensorBytes(splits, outputPixels(geometry), geometry.outChannels);
}

function pixelBlocks(geometry: ConvolutionGeometry, tile: BlockTile, up: Pair): number {
  return Math.ceil(phasePixels(geometry, up) / tile.blockRows);
}

function channelBlocks(geometry: ConvolutionGeometry, tile: BlockTile): number {
  return Math.ceil(geometry.groupOut / tile.blockColumns);
}

/** Steps of a filter tap. */
function depthSteps({ groupIn }: ConvolutionGeometry, { blockDepth }: BlockTile): number {
  return Math.ceil(groupIn / blockDepth);
}

/** Steps of the pixels that meet most taps. */
function stepsOf(geometry: ConvolutionGeometry, tile: BlockTile, up: Pair): number {
  return Math.max(1, ...phaseTaps(geometry, up)) * depthSteps(geometry, tile);
}

/** Output pixels of one row and column modulo `up`, the last ones of which may lie beyond the output. */
function phasePixels({ batch, outHeight, outWidth }: ConvolutionGeometry, up: Pair): number {
  return batch * Math.ceil(outHeight / up[0]) * Math.ceil(outWidth / up[1]);
}

/** For every row and column modulo `up`, how many filter taps meet a pixel of the input. */
function phaseTaps({ kernel, dilation, padding }: ConvolutionGeometry, up: Pair): number[] {
  const along = (axis: 0 | 1): number[] =>
    Array.from({ length: up[axis] }, (_, phase) => {
      const taps = Array.from({ length: kernel[axis] }, (_, tap) => phase + tap * dilation[axis] - padding[axis]);
      return taps.filter((place) => place % up[axis] === 0).length;
    });
  return along(0).flatMap((rows) => along(1).map((columns) => rows * columns));
}
