import read1 from '../../../kernels/shared/read_1.wgsl?raw';
import tile2Text from '../../../kernels/shared/winograd_2.wgsl?raw';
import tile4Text from '../../../kernels/shared/winograd_4.wgsl?raw';
import filterText from '../../../kernels/winograd_filter.wgsl?raw';
import inputText from '../../../kernels/winograd_input.wgsl?raw';
import outputKernelText from '../../../kernels/winograd_output.wgsl?raw';
import type { Constants } from '../../wgsl/constants.js';
import type { OfferedForm } from '../forms.js';
import type { DispatchWork } from '../machine.js';
import { type KernelStep, type Operand, tensorBytes, threadGroups } from '../plan.js';
import { type Precision, storedBytes, storedOperand, storedTexts } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { type VectorWidth, widestVector } from '../vectors.js';
import { filtersText } from './filters.js';
import { type OutputStep, type OutputWork, outputTexts } from './output.js';
import { type ConvolutionGeometry, filterCount, geometryConstants, inputCount } from './shape.js';
import { storeTexts, texelConstants } from './texels.js';

/** Tile of a Winograd convolution. */
export interface WinogradTile {
  /** Outputs along an edge: F(2x2, 3x3) or F(4x4, 3x3). */
  readonly edge: 2 | 4;
}

/** The buffers of a binding that WebGPU's default limits allow. */
const largestScratch = 128 * 1024 * 1024;
/** A value loaded or stored, in multiply-adds. */
const transformLoad = { software: 20, hardware: 3 };
/** Outputs of a thread that notes statistics, so that there are few of these beside the outputs. */
const statisticsOutputs = 16;

interface WinogradSizes {
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tiles: number;
  /** Elements of a window: the groups of the product. */
  readonly elements: number;
}

export function winogradSizes(geometry: ConvolutionGeometry, { edge }: WinogradTile): WinogradSizes {
  const tileRows = Math.ceil(geometry.outHeight / edge);
  const tileColumns = Math.ceil(geometry.outWidth / edge);
  return { tileRows, tileColumns, tiles: geometry.batch * tileRows * tileColumns, elements: (edge + 2) ** 2 };
}

/** Whether Winograd's transforms apply: filters 3x3, stride and dilation 1, no groups. */
export function winogradApplies({ kernel, stride, dilation, groups }: ConvolutionGeometry): boolean {
  return kernel.every((size) => size === 3) && [...stride, ...dilation, groups].every((size) => size === 1);
}

/** Which tiles may be used for a geometry, their buffers within WebGPU's default limits. */
export function winogradTiles(geometry: ConvolutionGeometry): WinogradTile[] {
  if (!winogradApplies(geometry)) return [];
  // F(4x4) would lose three of float16's eleven bits.
  return (geometry.precision === 'float16' ? ([2] as const) : ([4, 2] as const))
    .map((edge) => ({ edge }))
    .filter((tile) => {
      const { tiles, elements } = winogradSizes(geometry, tile);
      return tensorBytes(tiles, elements, Math.max(geometry.inChannels, geometry.outChannels)) <= largestScratch;
    });
}

/** The products of all elements of the window: a 1x1 convolution whose groups they are. */
export function productGeometry(geometry: ConvolutionGeometry, tile: WinogradTile): ConvolutionGeometry {
  const { tiles, elements } = winogradSizes(geometry, tile);
  const { inChannels, outChannels, precision } = geometry;
  return {
    precision,
    // What the last transform adds and subtracts.
    outputPrecision: 'float32',
    batch: 1,
    inHeight: 1,
    inWidth: tiles,
    outHeight: 1,
    outWidth: tiles,
    inChannels: elements * inChannels,
    outChannels: elements * outChannels,
    groups: elements,
    groupIn: inChannels,
    groupOut: outChannels,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    inputBytes: storedBytes(precision, tiles, elements, inChannels),
    outputBytes: tensorBytes(tiles, elements, outChannels),
    filterBytes: storedBytes(precision, elements, inChannels, outChannels),
    windowSumBytes: tensorBytes(tiles, elements),
    multiplyAdds: tiles * elements * inChannels * outChannels,
  };
}

/** A tile with the form of its product; transforms of constant filters do not count. */
export function winogradForm(
  geometry: ConvolutionGeometry,
  tile: WinogradTile,
  product: OfferedForm,
  traits: DeviceTraits,
  constantFilter: boolean,
): OfferedForm {
  const work = [...product.work, ...transformWork(geometry, tile, traits, constantFilter)];
  return { family: 'winograd', tile: { ...tile }, work, body: product.body };
}

/** What the transforms have to do: values loaded and stored. */
function transformWork(
  geometry: ConvolutionGeometry,
  tile: WinogradTile,
  { software }: DeviceTraits,
  constantFilter: boolean,
): DispatchWork[] {
  const { tiles, elements } = winogradSizes(geometry, tile);
  const { inChannels, outChannels } = geometry;
  const each = software ? transformLoad.software : transformLoad.hardware;
  const transform = (count: number, values: number): DispatchWork => ({
    workgroups: Math.ceil(count / 4 / 64),
    threads: 64,
    products: 0,
    overhead: 64 * 4 * each * values,
    bytes: 4 * count * values,
  });
  return [
    ...(constantFilter ? [] : [transform(inChannels * outChannels, 9 + elements)]),
    transform(tiles * inChannels, 2 * elements),
    transform(tiles * outChannels, elements + tile.edge ** 2),
  ];
}

/** The operands that pass values from one dispatch to the next. */
export function winogradScratch(
  geometry: ConvolutionGeometry,
  tile: WinogradTile,
  adjusted: boolean,
  constantFilter: boolean,
): Record<string, Operand> {
  const { precision } = geometry;
  const product = productGeometry(geometry, tile);
  return {
    transformedInput: storedOperand(precision, 'scratch', inputCount(product)),
    transformedFilter: storedOperand(precision, constantFilter ? 'prepared' : 'scratch', filterCount(product)),
    products: { bytes: product.outputBytes, use: 'scratch' },
    ...(adjusted && { productSums: { bytes: product.windowSumBytes, use: 'scratch' as const } }),
  };
}

/**
 * Operands: the given one for `filters`, read from the last tap to the first with `turned`, and transformedFilter, a buffer or
 * a texture.
 */
export function winogradFilterStep(
  geometry: ConvolutionGeometry,
  tile: WinogradTile,
  filters: string,
  turned: boolean,
  texture: boolean,
): KernelStep {
  const { inChannels, outChannels } = geometry;
  const vector = widestVector(outChannels);
  return {
    kernel: {
      name: 'winograd_filter',
      text: filterText,
      shared: [...transforms(tile, vector, geometry.precision), read1, filtersText(turned), ...storeTexts(texture)],
    },
    constants: {
      IN_CHANNELS: inChannels,
      OUT_CHANNELS: outChannels,
      TURNED: turned,
      ...texelConstants,
    },
    workgroups: threadGroups((inChannels * outChannels) / vector),
    operands: { filters, destination: 'transformedFilter' },
  };
}

/** Operands: the given one for `input`, and transformedInput, a buffer or a texture. */
export function winogradInputStep(
  geometry: ConvolutionGeometry,
  tile: WinogradTile,
  input: string,
  texture: boolean,
): KernelStep {
  const { batch, inHeight, inWidth, inChannels, padding } = geometry;
  const vector = widestVector(inChannels);
  const { tiles } = winogradSizes(geometry, tile);
  return {
    kernel: {
      name: 'winograd_input',
      text: inputText,
      shared: [...transforms(tile, vector, geometry.precision), ...storeTexts(texture)],
    },
    constants: {
      BATCH: batch,
      IN_HEIGHT: inHeight,
      IN_WIDTH: inWidth,
      CHANNELS: inChannels,
      PADDING_HEIGHT: { i32: padding[0] },
      PADDING_WIDTH: { i32: padding[1] },
      ...tileCounts(geometry, tile),
      ...texelConstants,
    },
    workgroups: threadGroups((tiles * inChannels) / vector),
    operands: { input, destination: 'transformedInput' },
  };
}

/** Operands: products and what the convolution's output takes. */
export function winogradOutputStep(
  geometry: ConvolutionGeometry,
  tile: WinogradTile,
  { flags, activation }: OutputWork,
  operands: Readonly<Record<string, string>>,
): OutputStep {
  const vector = widestVector(geometry.outChannels);
  const threadTiles = flags.STATISTICS ? statisticsOutputs / tile.edge ** 2 : 1;
  const outputBlocks = Math.ceil(winogradSizes(geometry, tile).tiles / threadTiles);
  return {
    kernel: {
      name: 'winograd_output',
      text: outputKernelText,
      shared: [...transforms(tile, vector, geometry.precision), ...outputTexts(geometry, activation)],
    },
    constants: {
      ...geometryConstants(geometry),
      ...flags,
      ...tileCounts(geometry, tile),
      THREAD_TILES: threadTiles,
    },
    workgroups: threadGroups((outputBlocks * geometry.outChannels) / vector),
    operands: { ...operands, products: 'products', ...(flags.SUMS !== 0 && { product_sums: 'productSums' }) },
    outputBlocks,
  };
}

function transforms({ edge }: WinogradTile, vector: VectorWidth, precision: Precision): string[] {
  return [...storedTexts(vector, precision), edge === 4 ? tile4Text : tile2Text];
}

function tileCounts(geometry: ConvolutionGeometry, tile: WinogradTile): Constants {
  const { tileRows, tileColumns } = winogradSizes(geometry, tile);
  return { TILE_ROWS: tileRows, TILE_COLUMNS: tileColumns };
}
