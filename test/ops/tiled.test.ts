import { afterAll, describe, expect, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { type ConvolutionOptions, planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import { type TiledTile, tiledForms, tiledWork } from '../../src/ops/convolution/tiled.js';
import { productTiles } from '../../src/ops/convolution/tileProduct.js';
import { type Form, rankForms } from '../../src/ops/forms.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import {
  convolutionBackwardMagnitude,
  convolutionBackwardReference,
  convolutionMagnitude,
  convolutionReference,
} from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { randomCase, referenceOperands } from './convolutionCase.js';
import { oddShapes, onePixel } from './productShapes.js';

// The cases depend on the device, so it is there before they are listed.
const { device } = await testDevice();
const hasHalf = device.features.has('shader-f16');

afterAll(closeTestDevice);

/** Every tile that some convolution is offered. */
function allTiles(half: boolean): TiledTile[] {
  return productTiles(1000, 1000, half).map((tile) => ({ ...tile, splits: 1 }));
}

function tileName(tile: TiledTile): string {
  const { blockRows, blockColumns, blockDepth, threadRows, threadColumns, half, splits } = tile;
  const parts = splits > 1 ? `, ${splits} splits` : '';
  return `${blockRows}x${blockColumns}x${blockDepth} ${threadRows}x${threadColumns} ${half ? 'float16' : 'float32'}${parts}`;
}

const fullTiles = allTiles(false);
const halfTiles = allTiles(true);
const small: TiledTile = {
  blockRows: 64,
  blockColumns: 16,
  blockDepth: 4,
  threadRows: 4,
  threadColumns: 4,
  half: false,
  splits: 1,
};

const formOf = (tile: TiledTile): Form => ({ family: 'tiled', tile: { ...tile, half: tile.half ? 1 : 0 } });

function planTiled(shape: CompleteConvolution, options: ConvolutionOptions, tile: TiledTile): OperationPlan {
  return planConvolution(shape, options, { half: tile.half, choose: () => formOf(tile) });
}

interface Epilogue {
  readonly mode: Adjust;
  readonly bias: boolean;
  readonly scaleShift: boolean;
  readonly residual: boolean;
  readonly relu: boolean;
}

const modes = ['none', 'output', 'input'] as const;

function epilogue(mode: Adjust, bits: number): Epilogue {
  const bit = (index: number): boolean => ((bits >> index) & 1) !== 0;
  return { mode, bias: bit(0), scaleShift: bit(1), residual: bit(2), relu: bit(3) };
}

/** Unit roundoff and least positive number of float16. */
const halfEpsilon = 2 ** -11;
const halfLeast = 2 ** -24;

/**
 * The rounding error allowed an output: that of a sum in float32, and in float16 that of two rounded factors and of the
 * sum of a step, where results below the normal numbers are off by the least number.
 */
function outputBounds(shape: CompleteConvolution, tile: TiledTile, magnitude: Float64Array): Float64Array {
  const { groupIn, kernel } = checkConvolution('bounds', shape);
  const terms = kernel[0] * kernel[1] * groupIn;
  const full = summationBound(terms + 8, magnitude);
  if (!tile.half) return full;
  const relative = (tile.blockDepth + 3) * halfEpsilon;
  return full.map((bound, i) => bound + relative * magnitude[i]! + 8 * terms * halfLeast);
}

/** Holds a convolution with what follows it, and the window sums where there are any, to float64. */
async function expectTiled(
  shape: CompleteConvolution,
  { mode, bias, scaleShift, residual, relu }: Epilogue,
  tile: TiledTile,
  seed: number,
) {
  const channels = shape.outChannels;
  const one = randomCase(shape, mode, bias, seed);
  const scales = randomArray(2 * channels, seed + 10, -2, 2);
  const added = randomArray(checkConvolution('tiled', shape).outputBytes / 4, seed + 11);
  const storeSums = mode !== 'none';
  const result = await runPlan(
    device,
    planTiled(shape, { adjust: mode, bias, scaleShift, residual, relu, storeSums }, tile),
    {
      input: one.input,
      filter: one.filter,
      ...(one.bias && { bias: one.bias }),
      ...(one.adjust && { adjust: one.adjust }),
      ...(scaleShift && { scaleShift: scales }),
      ...(residual && { residual: added }),
    },
  );

  const behind = (y: Float64Array, on: (value: number) => number) =>
    y.map((value, i) => {
      const k = i % channels;
      const scaled = scaleShift ? on(scales[k]!) * value + on(scales[channels + k]!) : value;
      return residual ? scaled + on(added[i]!) : scaled;
    });
  const operands = referenceOperands(one);
  const { y, windowSum } = convolutionReference(operands);
  const magnitudes = convolutionMagnitude(operands);
  const exact = behind(y, (value) => value);
  const expected = relu ? exact.map((value) => Math.max(value, 0)) : exact;
  const what = `${tileName(tile)} ${JSON.stringify(shape)}`;
  expectClose(result.floats('output'), expected, outputBounds(shape, tile, behind(magnitudes.y, Math.abs)), what);
  if (storeSums) {
    const terms = shape.kernel[0] * shape.kernel[1] * (shape.inChannels / shape.groups);
    const bound = summationBound(terms + 1, magnitudes.windowSum);
    expectClose(result.floats('windowSums'), windowSum, bound, `${what} window sums`);
  }
}

describe('the tiles', () => {
  it.each(
    [...fullTiles, ...halfTiles].map((tile) => [tileName(tile), tile] as const),
  )('%s fits any device', (_, tile) => {
    const { blockRows, blockColumns, blockDepth, threadRows, threadColumns, half } = tile;
    const values = (blockRows + blockColumns) * blockDepth * (half ? 2 : 4);
    const threads = (blockRows / threadRows) * (blockColumns / threadColumns);
    expect(threads).toBeLessThanOrEqual(256);
    expect(values + blockRows * blockDepth).toBeLessThanOrEqual(16384);
    // What the kernels' loads ask for: of pixels, of filters in order and turned, and of a filter gradient.
    expect(threads % (blockDepth / 4)).toBe(0);
    expect(threads % (blockRows / 4)).toBe(0);
    for (const vector of [1, 2, 4])
      expect(threads % (blockColumns / vector) === 0 || blockColumns > threads).toBe(true);
  });

  const traits = {
    machine: { units: 40, resident: 2, residentThreads: 64, multiplyAdds: 8e12, bytes: 4e11, dispatch: 4e-6 },
  };
  const ranked = (shape: Partial<CompleteConvolution>, up: readonly [number, number] = [1, 1]) => {
    const geometry = checkConvolution('costs', { ...onePixel, ...shape });
    const forms = tiledForms(geometry, traits, { up, turned: false, split: true });
    const tiles = rankForms(forms, traits.machine).map((form) => form.tile as unknown as TiledTile);
    const products = (tile: TiledTile) =>
      tiledWork(geometry, tile, traits, up).reduce((sum, work) => sum + work.workgroups * work.products, 0);
    return { geometry, tiles, products };
  };
  const wide = {
    inHeight: 56,
    inWidth: 56,
    inChannels: 128,
    outChannels: 128,
    kernel: [3, 3],
    padding: [1, 1],
  } as const;

  it('are ranked by a cost that counts padding', () => {
    const few = ranked({ inHeight: 56, inWidth: 56, inChannels: 16, outChannels: 16 });
    expect(few.tiles[0]!.blockColumns).toBeLessThanOrEqual(16);
    const many = ranked({ ...wide, batch: 32 });
    expect(many.tiles[0]!.blockRows * many.tiles[0]!.blockColumns).toBeGreaterThanOrEqual(64 * 64);
    expect(many.tiles[0]!.splits).toBe(1);
    expect(many.products(many.tiles[0]!)).toBe(many.geometry.multiplyAdds);
  });

  it('are split where they would leave units idle', () => {
    const { tiles, products, geometry } = ranked({
      ...wide,
      inHeight: 7,
      inWidth: 7,
      inChannels: 512,
      outChannels: 512,
    });
    expect(tiles[0]!.splits).toBeGreaterThan(1);
    expect(products(tiles[0]!)).toBeLessThan(1.5 * geometry.multiplyAdds);
  });

  it('take few channels a step where there are few', () => {
    expect(
      ranked({ inHeight: 56, inWidth: 56, inChannels: 3, outChannels: 64, kernel: [7, 7] }).tiles[0]!.blockDepth,
    ).toBe(4);
  });

  it('count the taps that meet a pixel of a spread input', () => {
    const spread = ranked(wide, [2, 2]);
    expect(spread.products(small)).toBeLessThan(ranked(wide).products(small) / 3);
  });
});

const listed = hasHalf ? [...fullTiles, ...halfTiles] : fullTiles;

describe(hasHalf ? 'tiles of float32 and float16' : 'tiles of float32, float16 being no feature of the adapter', () => {
  const cases = listed.map((tile, index) => [tileName(tile), tile, index] as const);

  it.each(cases)('%s with blocks and steps half empty', async (_, tile, index) => {
    const inWidth = tile.blockRows + 1;
    const inChannels = tile.blockDepth + (index % 4 === 3 ? 3 : 4);
    const outChannels = tile.blockColumns + 2;
    await expectTiled(
      { ...onePixel, inWidth, inChannels, outChannels },
      epilogue(modes[index % 3]!, 0),
      tile,
      100 + index,
    );
  });

  // The largest steps compile for seconds on some adapters, and their first blocks are full above.
  const quick = cases.filter(([, tile]) => tile.threadRows * tile.threadColumns * tile.blockDepth < 512);

  it.each(quick)('%s with full blocks', async (_, tile, index) => {
    const { blockRows: inWidth, blockDepth: inChannels, blockColumns: outChannels } = tile;
    const mode = modes[(index + 1) % 3]!;
    await expectTiled({ ...onePixel, inWidth, inChannels, outChannels }, epilogue(mode, 0), tile, 200 + index);
  });
});

const odd: Readonly<Record<string, CompleteConvolution>> = {
  ...oddShapes,
  groups: { ...onePixel, inHeight: 5, inWidth: 6, inChannels: 12, outChannels: 18, groups: 3, kernel: [3, 2] },
  'a group a channel': {
    ...onePixel,
    batch: 2,
    inHeight: 5,
    inWidth: 4,
    inChannels: 6,
    outChannels: 6,
    groups: 6,
    kernel: [3, 3],
    padding: [1, 1],
  },
  'a row of many pixels': { ...onePixel, inWidth: 331, inChannels: 7, outChannels: 9, kernel: [1, 3], padding: [0, 1] },
  'many steps': {
    ...onePixel,
    inHeight: 3,
    inWidth: 3,
    inChannels: 37,
    outChannels: 8,
    kernel: [3, 3],
    padding: [1, 1],
  },
};

const oddCases = Object.entries(odd).map(([name, shape], index) => [name, shape, index] as const);

describe('shapes in float32', () => {
  it.each(oddCases)('%s', async (_, shape, index) => {
    await expectTiled(shape, epilogue(modes[index % 3]!, 0), small, 400 + index);
  });

  it.each(oddCases)('%s, split', async (_, shape, index) => {
    await expectTiled(shape, epilogue(modes[(index + 1) % 3]!, 5), { ...small, splits: 2 + (index % 3) }, 600 + index);
  });
});

describe(
  hasHalf ? 'shapes in float16' : 'float16 being no feature of the adapter, shapes in float32 with a bias',
  () => {
    const tile = { ...small, half: hasHalf };
    const cases = oddCases.filter(([name]) => ['groups', 'strides', 'many steps'].includes(name));
    it.each(cases)('%s', async (_, shape, index) => {
      await expectTiled(shape, epilogue('output', 1), tile, 450 + index);
    });
  },
);

describe('the epilogue', () => {
  const shape = { ...onePixel, batch: 2, inHeight: 3, inWidth: 4, inChannels: 6, outChannels: 10, groups: 2 };
  const all = Array.from({ length: 16 }, (_, bits) => epilogue(modes[bits % 3]!, bits));
  it.each(all)('%o', async (one) => {
    await expectTiled(shape, one, small, 500);
  });

  it.each(all)('%o, behind a split reduction', async (one) => {
    await expectTiled({ ...shape, inChannels: 26 }, one, { ...small, splits: 3 }, 550);
  });
});

it('notes mean and variance of what a split reduction adds up', async () => {
  const shape = { ...onePixel, batch: 2, inHeight: 3, inWidth: 5, inChannels: 13, outChannels: 6 };
  const plan = planTiled(shape, { statistics: true, relu: true }, { ...small, splits: 3 });
  const { input, filter } = randomCase(shape, 'none', false, 71);
  const result = await runPlan(device, plan, { input, filter });
  const [output, noted] = [result.floats('output'), result.floats('statistics')];
  const blocks = noted.length / 3 / shape.outChannels;
  const part = (block: number, index: number, k: number) => noted[(block * 3 + index) * shape.outChannels + k]!;
  for (let k = 0; k < shape.outChannels; k++) {
    const values = output.filter((_, i) => i % shape.outChannels === k);
    let [count, sum, squares] = [0, 0, 0];
    for (let block = 0; block < blocks; block++) {
      const [mean, own] = [part(block, 0, k), part(block, 2, k)];
      count += own;
      sum += own * mean;
      squares += part(block, 1, k) + own * mean * mean;
    }
    expect(count).toBe(values.length);
    expect(sum).toBeCloseTo(
      values.reduce((total, value) => total + value, 0),
      4,
    );
    expect(squares).toBeCloseTo(
      values.reduce((total, value) => total + value * value, 0),
      4,
    );
  }
});

const strided = { ...onePixel, batch: 2, inHeight: 7, inWidth: 8, inChannels: 6, outChannels: 8 };

/** Convolutions whose input gradient reads a spread input, or one with padding cut off. */
const gradients: Record<string, CompleteConvolution> = {
  'stride 1': { ...strided, kernel: [3, 3], padding: [1, 1] },
  'stride 2': { ...strided, kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  'strides 2 and 3 with rows and columns left over': { ...strided, kernel: [2, 2], stride: [2, 3] },
  'a stride above the window': { ...strided, kernel: [1, 2], stride: [2, 3], padding: [0, 1] },
  'padding beyond the window': { ...strided, kernel: [2, 3], padding: [3, 4] },
  'padding beyond a dilated window, strided, in groups': {
    ...strided,
    kernel: [2, 3],
    stride: [2, 3],
    padding: [4, 5],
    dilation: [2, 2],
    groups: 2,
  },
};

const gradientCases = Object.entries(gradients).flatMap(([name, shape], index) =>
  [1, 3].map((splits) => [`${name}${splits > 1 ? ', split' : ''}`, shape, modes[index % 3]!, splits] as const),
);

describe('the input gradient, its filters read in place, added to what is there, with window sums and', () => {
  it.each([
    ...gradientCases,
    ['channels that are no vectors', { ...strided, inChannels: 7, outChannels: 9, kernel: [3, 3] }, 'none', 1],
    ['channels that are short vectors', { ...strided, inChannels: 10, outChannels: 6, kernel: [3, 3] }, 'none', 2],
  ] as const)('%s', async (_, shape, mode, splits) => {
    const geometry = checkConvolution('test', shape);
    const { kernel, groups, groupIn, groupOut } = geometry;
    const options = { accumulate: true, ...(mode !== 'none' && { windowSums: mode }) } as const;
    const plan = planConvolutionInputGradient(shape, options, { choose: () => formOf({ ...small, splits }) });
    const one = randomCase(shape, 'none', false, 51);
    const before = randomArray(geometry.inputBytes / 4, 61);
    const windowSums = randomArray(shape.batch * shape.inHeight * shape.inWidth * groups, 62);
    const adjust = randomArray(shape.inChannels, 63);
    const result = await runPlan(device, plan, {
      gradient: one.gradient,
      filter: one.filter,
      output: before,
      ...(mode !== 'none' && { windowSums }),
      ...(mode === 'input' && { adjust }),
    });

    const operands = referenceOperands(one);
    const throughSums = (i: number): number => {
      const c = i % shape.inChannels;
      const sum = windowSums[Math.floor(i / shape.inChannels) * groups + Math.floor(c / groupIn)]!;
      return mode === 'none' ? 0 : mode === 'output' ? sum : adjust[c]! * sum;
    };
    const expected = convolutionBackwardReference(operands).dx.map((value, i) => value + throughSums(i) + before[i]!);
    const magnitude = convolutionBackwardMagnitude(operands).dx.map(
      (value, i) => value + Math.abs(throughSums(i)) + Math.abs(before[i]!),
    );
    const bound = summationBound(kernel[0] * kernel[1] * groupOut + 3, magnitude);
    expectClose(result.floats('output'), expected, bound, `input gradient ${mode}`);
    expect(plan.steps.some(({ kernel: { name } }) => name === 'filter_transpose')).toBe(false);
  });
});
