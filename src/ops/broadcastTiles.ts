import type { ConvolutionGeometry } from './convolution.js';
import { type VectorWidth, vectorWidths } from './vectors.js';

/** Tile of the subgroup-broadcast convolution: what one lane holds and loads. */
export interface BroadcastTile {
  readonly vector: VectorWidth;
  readonly pixels: number;
  readonly images: number;
  readonly taps: number;
}

/** Costs in units of one vector multiply-add of a subgroup, as measured on CPU adapters. */
const loadCost = 20;
const broadcastCost = 3;
const workgroupCost = 400;

/**
 * Vector accumulators of a lane, and multiply-adds in a loop body. More of either makes compiling several times slower
 * and hardly a kernel faster.
 */
const mostAccumulators = 14;
const mostBodyTerms = 168;
const wideSubgroupBodyTerms = 112;

/**
 * The cheapest tile by the cost model: 20 units a load, 1 a multiply-add. Loads of the filter are shared by all pixels
 * of a lane, loads of the input by all its taps.
 */
export function chooseBroadcastTile(geometry: ConvolutionGeometry, subgroup: number, upWidth: number): BroadcastTile {
  let best: { tile: BroadcastTile; cost: number } | undefined;
  for (const tile of candidateTiles(geometry, subgroup, upWidth)) {
    const cost = broadcastCostOf(geometry, subgroup, upWidth, tile);
    if (!best || cost < best.cost) best = { tile, cost };
  }
  return best!.tile;
}

function candidateTiles(geometry: ConvolutionGeometry, subgroup: number, upWidth: number): BroadcastTile[] {
  const width = Math.ceil(geometry.outWidth / upWidth);
  const chunk = Math.min(subgroup, geometry.groupIn);
  const bodyTerms = subgroup > 4 ? wideSubgroupBodyTerms : mostBodyTerms;
  const tiles: BroadcastTile[] = [];
  for (const vector of vectorWidths.filter((size) => geometry.groupOut % size === 0)) {
    for (const pixels of [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 28].filter((size) => size < width + 2)) {
      for (const images of [1, 2, 3, 4, 6, 8].filter((size) => size <= geometry.batch)) {
        for (const taps of upWidth > 1 ? [1] : [1, geometry.kernel[1]]) {
          const accumulators = pixels * images;
          const fits = accumulators <= mostAccumulators && accumulators * taps * chunk <= bodyTerms;
          if (fits || accumulators * taps === 1) tiles.push({ vector, pixels, images, taps });
        }
      }
    }
  }
  return tiles;
}

function broadcastCostOf(
  geometry: ConvolutionGeometry,
  subgroup: number,
  upWidth: number,
  { vector, pixels, images, taps }: BroadcastTile,
): number {
  const { batch, outHeight, outWidth, groups, groupIn, groupOut, kernel } = geometry;
  const chunk = Math.min(subgroup, groupIn);
  const steps = kernel[0] * (kernel[1] / taps) * Math.ceil(groupIn / chunk);
  const inputLoads = images * broadcastColumns(geometry, pixels, taps).columns;
  const terms = taps * chunk * images * pixels;
  const step = loadCost * (inputLoads + taps * chunk * vector) + terms * (broadcastCost + vector);
  const epilogue = workgroupCost + loadCost * images * pixels * vector;
  const columns = upWidth * Math.ceil(Math.ceil(outWidth / upWidth) / pixels);
  const channelBlocks = groups * Math.ceil(groupOut / (vector * subgroup));
  return columns * outHeight * Math.ceil(batch / images) * channelBlocks * (steps * step + epilogue);
}

/** Input columns that a lane loads for its pixels: all between first and last, or with one tap just those it needs. */
export function broadcastColumns(
  geometry: ConvolutionGeometry,
  pixels: number,
  taps: number,
): { columns: number; columnStep: number; pixelStep: number } {
  const stride = geometry.stride[1];
  if (taps === 1) return { columns: pixels, columnStep: stride, pixelStep: 1 };
  const columns = (pixels - 1) * stride + (taps - 1) * geometry.dilation[1] + 1;
  return { columns, columnStep: 1, pixelStep: stride };
}
