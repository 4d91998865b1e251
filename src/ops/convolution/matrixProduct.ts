import productText from '../../../kernels/shared/matrix_product.wgsl?raw';
import type { MatrixConfiguration } from '../../device/matrixUnits.js';
import type { MatrixTile, MatrixUnits } from '../matrixUnits.js';

/** What of a device decides which tiles its matrix units take. */
export interface MatrixMachine {
  readonly configurations: readonly MatrixConfiguration[];
  /** Invocations of every subgroup, and whether kernels have to ask for that size. */
  readonly subgroup: number;
  readonly pinned: boolean;
  /** Invocations of the largest subgroup, of which those of a workgroup are a multiple. */
  readonly largestSubgroup: number;
  /** Of a workgroup, at most. */
  readonly invocations: number;
  /** Of a workgroup's memory, at most. */
  readonly workgroupBytes: number;
  /** Whether a processor does their work. */
  readonly software: boolean;
}

type Sizes = readonly [rows: number, columns: number, depth: number, subgroupRows: number, subgroupColumns: number];

/** A subgroup has 16 or 32 rows and columns, so that a matrix from workgroup memory serves one or two products, or four small ones. */
const sizes: readonly Sizes[] = [
  [128, 64, 16, 4, 2],
  [64, 64, 32, 2, 2],
  [64, 64, 16, 2, 2],
  [64, 32, 32, 2, 2],
  [32, 64, 32, 2, 2],
  [64, 16, 32, 4, 1],
  [32, 32, 32, 2, 2],
  [32, 32, 16, 2, 2],
];

/** More than is common leaves fewer workgroups side by side. */
const mostInvocations = 256;

/**
 * Multiply-adds that matrix units make while threads make one. By the makers' white papers it is two on GeForce cards of Ampere, with
 * float32 sums, four on RDNA 3 without dual issue, and fifteen on an H100; measured on llvmpipe, which converts besides, a third.
 */
const rates = { gpu: 4, software: 0.3 };

/** In multiply-adds of a thread, as those of tiles of threads. */
const costs = { read: 2, load: 10, step: 24, output: 10 };

/** Multiply-adds that the text of a matrix product compiles to, where a processor has no matrix units. */
const softwareBody = 8;

/** The matrix units of a machine, with what multiplies by them. */
export function matrixUnits(machine: MatrixMachine): MatrixUnits {
  const { configurations, subgroup, software } = machine;

  return {
    configurations,
    tiles: (vector) =>
      configurations
        .flatMap((configuration) => sizes.map((size) => tileOf(size, configuration)))
        .filter((tile) => isWhole(tile) && runs(tile, vector, machine)),
    body: (tile) => matrixProducts(tile) * (software ? softwareBody : 1),
    work(tile, steps) {
      const { blockRows, blockColumns, blockDepth, matrixDepth } = tile;
      const threads = threadsOf(tile, machine);
      const results = (blockRows * blockColumns) / threads;
      const products = (blockDepth * results) / rates[software ? 'software' : 'gpu'];
      const { rowMatrices, columnMatrices } = matricesOf(tile);
      const matrices = rowMatrices * tile.matrixRows + columnMatrices * tile.matrixColumns;
      const reads = ((matrices * matrixDepth) / subgroup / 8) * (blockDepth / matrixDepth);
      const loads = ((blockRows + blockColumns) * blockDepth) / 4 / threads;
      const besides = costs.read * reads + costs.load * loads + costs.step;
      return {
        threads,
        products: threads * steps * products,
        overhead: threads * (steps * besides + costs.output * results),
      };
    },
    constants: (tile, { rowsByDepth, columnsByDepth }) => ({
      BLOCK_ROWS: tile.blockRows,
      BLOCK_COLUMNS: tile.blockColumns,
      BLOCK_DEPTH: tile.blockDepth,
      SUBGROUP_ROWS: tile.subgroupRows,
      SUBGROUP_COLUMNS: tile.subgroupColumns,
      MATRIX_ROWS: tile.matrixRows,
      MATRIX_COLUMNS: tile.matrixColumns,
      MATRIX_DEPTH: tile.matrixDepth,
      ROWS_BY_DEPTH: rowsByDepth,
      COLUMNS_BY_DEPTH: columnsByDepth,
      MATRIX_UNITS: true,
      SUBGROUP: subgroup,
      PINNED: machine.pinned,
    }),
    texts: () => [productText],
  };
}

function tileOf(
  [blockRows, blockColumns, blockDepth, subgroupRows, subgroupColumns]: Sizes,
  { rows, columns, depth }: MatrixConfiguration,
): MatrixTile {
  const block = { blockRows, blockColumns, blockDepth, subgroupRows, subgroupColumns };
  return { ...block, matrixRows: rows, matrixColumns: columns, matrixDepth: depth };
}

/** Of a subgroup. */
function matricesOf(tile: MatrixTile): { readonly rowMatrices: number; readonly columnMatrices: number } {
  return {
    rowMatrices: tile.blockRows / tile.subgroupRows / tile.matrixRows,
    columnMatrices: tile.blockColumns / tile.subgroupColumns / tile.matrixColumns,
  };
}

/** Of a subgroup in a step. */
function matrixProducts(tile: MatrixTile): number {
  const { rowMatrices, columnMatrices } = matricesOf(tile);
  return (rowMatrices * columnMatrices * tile.blockDepth) / tile.matrixDepth;
}

/** Whether a block is whole matrices. */
function isWhole(tile: MatrixTile): boolean {
  const { rowMatrices, columnMatrices } = matricesOf(tile);
  return [rowMatrices, columnMatrices, tile.blockDepth / tile.matrixDepth].every(
    (count) => count >= 1 && Number.isInteger(count),
  );
}

function threadsOf({ subgroupRows, subgroupColumns }: MatrixTile, { subgroup }: MatrixMachine): number {
  return subgroupRows * subgroupColumns * subgroup;
}

/** Whether a device runs a tile, and its threads share loads and results evenly. */
function runs(tile: MatrixTile, vector: number, machine: MatrixMachine): boolean {
  const { subgroup, largestSubgroup, invocations, workgroupBytes } = machine;
  const { blockRows, blockColumns, blockDepth, matrixRows, matrixColumns } = tile;
  const threads = threadsOf(tile, machine);
  const patch = patchOf(tile, vector, subgroup);
  const patchVectors = (patch * matrixColumns) / vector;
  const divides = (divisor: number, number: number): boolean => number % divisor === 0;
  return (
    threads <= Math.min(invocations, mostInvocations) &&
    divides(largestSubgroup, threads) &&
    divides(blockColumns / vector, threads) &&
    divides(blockRows / 4, threads) &&
    divides(blockDepth / 4, threads) &&
    divides(patch, matricesOf(tile).columnMatrices) &&
    divides(patchVectors, subgroup) &&
    divides(subgroup / patchVectors, matrixRows) &&
    // Tiles with what parts their rows, patches, window sums and statistics.
    2 * (blockRows + blockColumns) * (blockDepth + 8) +
      2 * 8 * blockDepth +
      (4 * threads * patch * matrixRows * matrixColumns) / subgroup +
      blockRows * blockDepth +
      12 * threads * vector <=
      workgroupBytes
  );
}

/** PATCH_MATRICES: as many as a subgroup reads at a time. */
function patchOf({ matrixRows, matrixColumns }: MatrixTile, vector: number, subgroup: number): number {
  return Math.ceil((subgroup * vector) / (matrixRows * matrixColumns));
}
