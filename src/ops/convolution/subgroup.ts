import subgroupText from '../../../kernels/conv2d_subgroup.wgsl?raw';
import read1 from '../../../kernels/shared/read_1.wgsl?raw';
import read2 from '../../../kernels/shared/read_2.wgsl?raw';
import read4 from '../../../kernels/shared/read_4.wgsl?raw';
import type { Form, OfferedForm } from '../forms.js';
import type { DispatchWork } from '../machine.js';
import { storedTexts } from '../precision.js';
import { type DeviceTraits, type Processor, processorOf } from '../traits.js';
import { type VectorWidth, vectorWidths } from '../vectors.js';
import type { Pair } from '../windows.js';
import { type OutputStep, type OutputWork, outputTexts } from './output.js';
import {
  asOneRow,
  type ConvolutionGeometry,
  filterCount,
  geometryConstants,
  inputCount,
  isPointwise,
} from './shape.js';
import { bufferTexts, fitsTexture, texelConstants, textureTexts } from './texels.js';

/** Tile of the subgroup convolution: what one lane holds and loads. */
export interface SubgroupTile {
  /** Input channels of a load. */
  readonly read: VectorWidth;
  /** Neighbouring pixels whose channels count as those of one: 1, or the filter's columns. */
  readonly fold: number;
  /** Output channels of a vector. */
  readonly vector: VectorWidth;
  readonly vectors: number;
  /** Output pixels of a row, and rows. */
  readonly pixels: number;
  readonly rows: number;
  /** Filter columns that share a loaded row: 1 or all. */
  readonly taps: number;
  /** What lies in textures: nothing, the filters, or the input as well. */
  readonly textures: 0 | 1 | 2;
}

/** What a value in a texture costs ahead of the convolution, as {@link SubgroupCosts}. */
export interface TextureCosts {
  readonly filters: number;
  readonly input: number;
}

/** Costs in units of one vector multiply-add of a subgroup, measured on processors that play a GPU. */
export interface SubgroupCosts {
  /** A load, whatever its width, and each value of it. */
  readonly address: number;
  readonly load: number;
  /** A load from a texture, whatever its width. */
  readonly texel: number;
  /** A value stored. */
  readonly store: number;
  /** A value's way from lane to lane. */
  readonly exchange: number;
  /** What a loop takes to carry an accumulator on to its next turn. */
  readonly carry: number;
  readonly workgroup: number;
}

const wide: SubgroupCosts = { address: 0, load: 25, texel: 30, store: 25, exchange: 1.5, carry: 0, workgroup: 300 };

/** What the cost model takes. */
export const subgroupCosts: Readonly<Record<Processor, SubgroupCosts>> = {
  gpu: wide,
  // It works an address out lane by lane, and keeps in memory what a loop carries.
  swiftShader: { address: 28, load: 14, texel: 100, store: 14, exchange: 1, carry: 4, workgroup: 300 },
  llvmpipe: wide,
};

/**
 * Lanes whose reads make up a chunk: in subgroups of four all, which swap, as that takes an instruction everywhere; else those
 * that have channels.
 */
export function chunkLanes(subgroup: number, reads: number): number {
  return subgroup === 4 ? subgroup : Math.min(subgroup, reads);
}

/** Vector accumulators of a lane: beyond, kernels grow no faster, and compile for seconds. */
const mostAccumulators = 64;
const mostBody = 1000;
/** Code for a multiply-add beside filters in a texture: loads from buffers, which are long, are what else counts. */
const textureBody = 0.4;
const pixelCounts = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 28];
const rowCounts = [1, 2, 3, 4, 6, 7, 8];

/** The tiles that suit a geometry, with their work; none where subgroups have no one size or hardly a lane has work. */
export function subgroupForms(
  given: ConvolutionGeometry,
  traits: DeviceTraits,
  up: Pair,
  turned: boolean,
  textures: TextureCosts,
): OfferedForm[] {
  const { subgroup } = traits;
  if (subgroup === undefined || subgroup < 4 || subgroup > 32) return [];
  const folds = turned ? [1] : foldsOf(given, subgroup, up);
  return folds.flatMap((fold) => {
    const geometry = reshape(given, up, fold);
    return tilesOf(geometry, fold, traits, subgroup, up).map((tile) => ({
      family: 'subgroup' as const,
      tile: { ...tile },
      work: [...textureWork(given, tile, textures), tileWork(geometry, traits, up, tile, turned)],
      body: tileBody(geometry, subgroup, tile),
    }));
  });
}

/**
 * The kernel for a convolution whose input is read with `up - 1` zeros between its pixels, and with `turned` its filters from
 * their last tap to the first, their channels exchanged; in a texture they are turned already.
 */
export function subgroupStep(
  given: ConvolutionGeometry,
  { flags, activation }: OutputWork,
  operands: Readonly<Record<string, string>>,
  form: Form,
  traits: DeviceTraits,
  up: Pair,
  turned: boolean,
): OutputStep {
  const tile = form.tile as unknown as SubgroupTile;
  const geometry = reshape(given, up, tile.fold);
  const lanes = traits.subgroup!;
  const { columns, columnStep, pixelStep } = tileColumns(geometry, tile.pixels, tile.taps);
  const { columnBlocks, imageRows, rowBlocks, channelBlocks } = blocksOf(geometry, lanes, up, tile);
  const chunk = chunkLanes(lanes, geometry.groupIn / tile.read);
  const turns = turnsOf(tile, chunk, lanes);
  const inPlace = turned && tile.textures === 0;
  const reads = [{ 1: read1, 2: read2, 4: read4 }[tile.read], ...storedTexts(tile.vector, geometry.precision)];
  const sources = tile.textures > 0 ? textureTexts(tile.textures > 1) : bufferTexts(inPlace);
  return {
    kernel: {
      name: 'conv2d_subgroup',
      text: subgroupText,
      shared: [...reads, ...sources, ...outputTexts(geometry, activation)],
      // A folded stem has no like.
      ...(form.shared && tile.fold === 1 && { variables: variablesOf(geometry.groupIn / tile.read > chunk) }),
    },
    constants: {
      ...texelConstants,
      ...geometryConstants(geometry),
      ...flags,
      UP_HEIGHT: up[0],
      UP_WIDTH: up[1],
      ROW_TAPS: tapStep(up[0], geometry.dilation[0]),
      COLUMN_TAPS: tapStep(up[1], geometry.dilation[1]),
      SUBGROUP: lanes,
      PINNED: traits.pinned ?? false,
      CHUNK: chunk,
      FOLD: tile.fold,
      TURNS: turns,
      TURNED: inPlace,
      WHOLE_CHUNKS: (geometry.groupIn / tile.read) % chunk === 0,
      WHOLE_VECTORS: geometry.groupOut % (tile.vector * tile.vectors * lanes) === 0,
      HELD: Math.max(heldFilters(processorOf(traits), (chunk / turns) * tile.read), inPlace ? tile.read : 1),
      VECTORS: tile.vectors,
      PIXELS: tile.pixels,
      ROWS: tile.rows,
      TAPS: tile.taps,
      COLUMNS: columns,
      COLUMN_STEP: columnStep,
      PIXEL_STEP: pixelStep,
      COLUMN_BLOCKS: columnBlocks,
      IMAGE_ROWS: imageRows,
      ROW_BLOCKS: rowBlocks,
      CHANNEL_BLOCKS: channelBlocks,
    },
    workgroups: columnBlocks * rowBlocks * up[0] * up[1] * channelBlocks * geometry.groups,
    operands,
    outputBlocks: columnBlocks * rowBlocks,
  };
}

/** Every how many-th tap falls on a pixel of the input. */
function tapStep(up: number, dilation: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  return up / divisor(up, dilation);
}

/** What may differ from shape to shape without another pipeline; what decides whether a loop has one turn may not. */
function variablesOf(loops: boolean): string[] {
  return [
    ...['BATCH', 'IN_HEIGHT', 'IN_WIDTH', 'OUT_HEIGHT', 'OUT_WIDTH', 'GROUP_OUT', 'PADDING_HEIGHT', 'PADDING_WIDTH'],
    ...['STRIDE_HEIGHT', 'STRIDE_WIDTH', 'ADJUST_STRIDE', 'COLUMN_STEP', 'IMAGE_ROWS'],
    ...['COLUMN_BLOCKS', 'ROW_BLOCKS', 'CHANNEL_BLOCKS', ...(loops ? ['GROUP_IN'] : [])],
  ];
}

/** A texel brings in four channels: the code for those of eight lanes at once would be long. Lanes that swap have no loop. */
function turnsOf({ textures }: SubgroupTile, chunk: number, subgroup: number): number {
  return textures > 1 && subgroup > 4 ? chunk : 1;
}

/**
 * Filter rows read ahead of the pixels. llvmpipe keeps them near (measured: up to 1.4 times faster), SwiftShader has no
 * registers for it, and on a GPU more would fill them.
 */
function heldFilters(processor: Processor, channels: number): number {
  const wanted = { gpu: 4, swiftShader: 1, llvmpipe: Math.min(8, channels) }[processor];
  return channels % wanted === 0 ? wanted : 1;
}

/** Folding fills lanes that a pixel's channels leave idle. */
function foldsOf({ kernel, dilation, groups, groupIn }: ConvolutionGeometry, subgroup: number, up: Pair): number[] {
  const folds =
    kernel[1] > 1 && groupIn < subgroup && groups === 1 && dilation[1] === 1 && up.every((size) => size === 1);
  return folds ? [1, kernel[1]] : [1];
}

/** The convolution as the kernel sees it. */
function reshape(geometry: ConvolutionGeometry, up: Pair, fold: number): ConvolutionGeometry {
  if (fold > 1) return { ...geometry, kernel: [geometry.kernel[0], 1], groupIn: geometry.groupIn * fold };
  return isPointwise(geometry) && up.every((size) => size === 1) ? asOneRow(geometry) : geometry;
}

/** Wider loads where they are cheaper by the value, as addresses are dear, and all lanes have channels to read. */
function readsOf({ groupIn }: ConvolutionGeometry, fold: number, traits: DeviceTraits): VectorWidth[] {
  const wide = processorOf(traits) === 'swiftShader' && fold === 1;
  return vectorWidths.filter((size) => {
    return size === 1 || (wide && groupIn % size === 0 && groupIn >= size * traits.subgroup!);
  });
}

/** Where filters and input may lie, with how wide the input is read from there. */
function sourcesOf(
  geometry: ConvolutionGeometry,
  fold: number,
  traits: DeviceTraits,
): Pick<SubgroupTile, 'read' | 'textures'>[] {
  const { textures = false, scratch = Number.POSITIVE_INFINITY } = traits;
  const { filterBytes, inputBytes, groupIn, precision } = geometry;
  const buffers = readsOf(geometry, fold, traits).map((read) => ({ read, textures: 0 as const }));
  // Textures hold float32.
  if (!textures || precision === 'float16' || filterBytes > scratch || !fitsTexture(filterCount(geometry)))
    return buffers;
  const filters = { read: 1, textures: 1 } as const;
  const fits = filterBytes + inputBytes <= scratch && fitsTexture(inputCount(geometry));
  const both = fits && fold === 1 && groupIn % 4 === 0 ? [{ read: 4, textures: 2 } as const] : [];
  return [...both, filters, ...buffers];
}

function tilesOf(
  geometry: ConvolutionGeometry,
  fold: number,
  traits: DeviceTraits,
  subgroup: number,
  up: Pair,
): SubgroupTile[] {
  const width = Math.ceil(geometry.outWidth / up[1]);
  const rows = Math.ceil(geometry.outHeight / up[0]) * geometry.batch;
  const sources = sourcesOf(geometry, fold, traits);
  const tiles: SubgroupTile[] = [];
  for (const [vector, vectors] of channelTiles(geometry.groupOut, subgroup)) {
    for (const pixels of pixelCounts.filter((size) => size < width + 2)) {
      for (const tileRows of rowCounts.filter((size) => size <= rows)) {
        const accumulators = pixels * tileRows * vectors;
        if (accumulators > mostAccumulators) continue;
        for (const taps of up[1] > 1 || geometry.kernel[1] === 1 ? [1] : [1, geometry.kernel[1]]) {
          for (const source of sources) {
            if (source.textures > 0 && vector !== 4) continue;
            const tile = { ...source, fold, vector, vectors, pixels, rows: tileRows, taps };
            if (accumulators === 1 || tileBody(geometry, subgroup, tile) <= mostBody) tiles.push(tile);
          }
        }
      }
    }
  }
  return tiles;
}

/** Channels of a lane: vectors as wide as the channels allow, two of them, and narrower ones where lanes would idle. */
function channelTiles(channels: number, subgroup: number): [VectorWidth, number][] {
  const widths = vectorWidths.filter((size) => channels % size === 0);
  const widest = widths[0]!;
  const singles = widths.filter((size) => size === widest || channels < 2 * size * subgroup);
  const pairs = channels > widest * subgroup ? [[widest, 2] as [VectorWidth, number]] : [];
  return [...pairs, ...singles.map((size): [VectorWidth, number] => [size, 1])];
}

/** Vector multiply-adds that the kernel's text holds; stores count for as much code as five. */
function tileBody(geometry: ConvolutionGeometry, subgroup: number, tile: SubgroupTile): number {
  const chunk = chunkLanes(subgroup, geometry.groupIn / tile.read);
  const channels = (chunk / turnsOf(tile, chunk, subgroup)) * tile.read;
  const accumulators = tile.pixels * tile.rows * tile.vectors;
  const terms = accumulators * tile.taps * channels * (tile.textures > 0 ? textureBody : 1);
  return Math.round(((terms + 5 * accumulators) * tile.vector) / 4);
}

/** What the dispatch of a tile has to do: {@link SubgroupCosts} count for all lanes of a subgroup. */
function tileWork(
  geometry: ConvolutionGeometry,
  traits: DeviceTraits,
  up: Pair,
  tile: SubgroupTile,
  turned: boolean,
): DispatchWork {
  const { read, vector, vectors, pixels, rows, taps, textures } = tile;
  const { kernel, groupIn, groups, inputBytes, filterBytes, outputBytes } = geometry;
  const { address, load, texel, store, exchange, carry, workgroup } = subgroupCosts[processorOf(traits)];
  const subgroup = traits.subgroup!;
  const channels = chunkLanes(subgroup, groupIn / read) * read;
  const steps = (kernel[0] / up[0]) * (kernel[1] / taps / up[1]) * Math.ceil(groupIn / channels);
  const outputs = rows * pixels * vectors * vector;
  const loaded = (values: number): number => address + values * load;
  const inputLoads = rows * tileColumns(geometry, pixels, taps).columns * (textures > 1 ? texel : loaded(read));
  const filterLoad = textures > 0 ? texel : turned ? (vector / read) * loaded(read) : loaded(vector);
  const filterLoads = taps * channels * vectors * filterLoad;
  const exchanges = taps * channels * rows * pixels * exchange;
  const output = workgroup + store * outputs;
  const { columnBlocks, rowBlocks, channelBlocks } = blocksOf(geometry, subgroup, up, tile);
  return {
    workgroups: columnBlocks * rowBlocks * up[0] * up[1] * channelBlocks * groups,
    threads: subgroup,
    products: subgroup * steps * taps * channels * outputs,
    overhead: subgroup * (steps * (inputLoads + filterLoads + exchanges + carry * outputs) + output),
    bytes: inputBytes + filterBytes + outputBytes,
  };
}

/** What brings the operands into textures. */
function textureWork(
  { filterBytes, inputBytes }: ConvolutionGeometry,
  { textures }: SubgroupTile,
  costs: TextureCosts,
): DispatchWork[] {
  const copy = (bytes: number, cost: number): DispatchWork[] => {
    const values = bytes / 4;
    const workgroups = Math.ceil(values / 2048);
    const overhead = (values * cost) / workgroups;
    return cost > 0 ? [{ workgroups, threads: 64, products: 0, overhead, bytes: 2 * bytes }] : [];
  };
  return [
    ...(textures > 0 ? copy(filterBytes, costs.filters) : []),
    ...(textures > 1 ? copy(inputBytes, costs.input) : []),
  ];
}

function blocksOf(geometry: ConvolutionGeometry, subgroup: number, up: Pair, tile: SubgroupTile) {
  const imageRows = Math.ceil(geometry.outHeight / up[0]);
  return {
    imageRows,
    columnBlocks: Math.ceil(Math.ceil(geometry.outWidth / up[1]) / tile.pixels),
    rowBlocks: Math.ceil((imageRows * geometry.batch) / tile.rows),
    channelBlocks: Math.ceil(geometry.groupOut / (tile.vector * tile.vectors * subgroup)),
  };
}

/** Input columns that a lane loads for its pixels: all between first and last, or with one tap just those it needs. */
export function tileColumns(
  geometry: ConvolutionGeometry,
  pixels: number,
  taps: number,
): { columns: number; columnStep: number; pixelStep: number } {
  const stride = geometry.stride[1];
  if (taps === 1) return { columns: pixels, columnStep: stride, pixelStep: 1 };
  const columns = (pixels - 1) * stride + (taps - 1) * geometry.dilation[1] + 1;
  return { columns, columnStep: 1, pixelStep: stride };
}
