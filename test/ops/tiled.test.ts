import { afterAll, describe, expect, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { type ConvolutionGeometry, type ConvolutionShape, checkConvolution } from '../../src/ops/convolution.js';
import { plainFlags } from '../../src/ops/convolutionForms.js';
import { type ConvolutionOptions, planConvolution } from '../../src/ops/convolutionForward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolutionInputGradient.js';
import type { KernelStep, OperationPlan } from '../../src/ops/plan.js';
import { type TiledTile, tiledCost, tiledStep, tiledTiles } from '../../src/ops/tiledForm.js';
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

// The cases depend on the device, so it is there before they are listed.
const { device } = await testDevice();
const hasHalf = device.features.has('shader-f16');

afterAll(closeTestDevice);

const base = {
  batch: 1,
  inHeight: 1,
  inWidth: 1,
  inChannels: 1,
  outChannels: 1,
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
} as const satisfies ConvolutionShape;

/** Every tile that some convolution is offered. */
function allTiles(half: boolean): TiledTile[] {
  const tiles = [8, 64, 1000].flatMap((size) => {
    return tiledTiles(checkConvolution('tiles', { ...base, inWidth: size, inChannels: size, outChannels: size }), half);
  });
  return [...new Map(tiles.map((tile) => [tileName(tile), tile])).values()];
}

function tileName(tile: TiledTile): string {
  const { blockPixels, blockChannels, blockDepth, threadPixels, threadChannels, half } = tile;
  return `${blockPixels}x${blockChannels}x${blockDepth} ${threadPixels}x${threadChannels} ${half ? 'float16' : 'float32'}`;
}

const fullTiles = allTiles(false);
const halfTiles = allTiles(true);
const small: TiledTile = {
  blockPixels: 64,
  blockChannels: 16,
  blockDepth: 4,
  threadPixels: 4,
  threadChannels: 4,
  half: false,
};

/** The step in another form: with the same operands, and what the output is made of. */
function inTiles(step: KernelStep, geometry: ConvolutionGeometry, tile: TiledTile, up?: readonly [number, number]) {
  const flags = Object.fromEntries(Object.keys(plainFlags).map((name) => [name, step.constants[name]!]));
  return tiledStep(geometry, flags, step.operands, tile, up);
}

function planTiled(shape: ConvolutionShape, options: ConvolutionOptions, tile: TiledTile): OperationPlan {
  const plan = planConvolution(shape, { ...options, family: 'naive' }, {});
  return { ...plan, steps: [inTiles(plan.steps[0]!, checkConvolution('tiled', shape), tile)] };
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
function outputBounds(shape: ConvolutionShape, tile: TiledTile, magnitude: Float64Array): Float64Array {
  const { groupIn, kernel } = checkConvolution('bounds', shape);
  const terms = kernel[0] * kernel[1] * groupIn;
  const full = summationBound(terms + 8, magnitude);
  if (!tile.half) return full;
  const relative = (tile.blockDepth + 3) * halfEpsilon;
  return full.map((bound, i) => bound + relative * magnitude[i]! + 8 * terms * halfLeast);
}

/** Holds a convolution with what follows it, and the window sums where there are any, to float64. */
async function expectTiled(
  shape: ConvolutionShape,
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
    const { blockPixels, blockChannels, blockDepth, threadPixels, threadChannels, half } = tile;
    const values = (blockPixels + blockChannels) * blockDepth * (half ? 2 : 4);
    expect((blockPixels / threadPixels) * (blockChannels / threadChannels)).toBeLessThanOrEqual(256);
    expect(values + blockPixels * blockDepth).toBeLessThanOrEqual(16384);
  });

  const costs = (shape: Partial<ConvolutionShape>) => {
    const geometry = checkConvolution('costs', { ...base, ...shape });
    return { geometry, tiles: tiledTiles(geometry, false) };
  };

  it('are ranked by a cost that counts padding', () => {
    const { geometry, tiles } = costs({ inHeight: 56, inWidth: 56, inChannels: 16, outChannels: 16 });
    expect(tiles.every((tile) => tile.blockChannels <= 16)).toBe(true);
    const wide = {
      blockPixels: 128,
      blockChannels: 64,
      blockDepth: 8,
      threadPixels: 8,
      threadChannels: 8,
      half: false,
    };
    expect(tiledCost(geometry, wide)).toBeGreaterThan(2 * tiledCost(geometry, tiles[0]!));
    const many = costs({
      inHeight: 56,
      inWidth: 56,
      inChannels: 128,
      outChannels: 128,
      kernel: [3, 3],
      padding: [1, 1],
    });
    expect(many.tiles[0]!.blockPixels * many.tiles[0]!.blockChannels).toBeGreaterThanOrEqual(64 * 64);
    expect(tiledCost(many.geometry, many.tiles[0]!)).toBeGreaterThan(many.geometry.multiplyAdds);
    expect(tiledCost(many.geometry, many.tiles[0]!)).toBeLessThan(1.5 * many.geometry.multiplyAdds);
  });

  it('take few channels a step where there are few', () => {
    expect(
      costs({ inHeight: 56, inWidth: 56, inChannels: 3, outChannels: 64, kernel: [7, 7] }).tiles[0]!.blockDepth,
    ).toBe(4);
  });

  it('count the taps that meet a pixel of a spread input', () => {
    const geometry = checkConvolution('costs', {
      ...base,
      inHeight: 32,
      inWidth: 32,
      inChannels: 64,
      outChannels: 64,
      kernel: [3, 3],
      padding: [1, 1],
    });
    const [tile] = tiledTiles(geometry, false, [2, 2]);
    expect(tiledCost(geometry, tile!, [2, 2])).toBeLessThan(tiledCost(geometry, tile!) / 3);
  });
});

const listed = hasHalf ? [...fullTiles, ...halfTiles] : fullTiles;

describe(hasHalf ? 'tiles of float32 and float16' : 'tiles of float32, float16 being no feature of the adapter', () => {
  const cases = listed.map((tile, index) => [tileName(tile), tile, index] as const);

  it.each(cases)('%s with blocks and steps half empty', async (_, tile, index) => {
    const inWidth = tile.blockPixels + 1;
    const inChannels = tile.blockDepth + (index % 4 === 3 ? 3 : 4);
    const outChannels = tile.blockChannels + 2;
    await expectTiled({ ...base, inWidth, inChannels, outChannels }, epilogue(modes[index % 3]!, 0), tile, 100 + index);
  });

  // The largest steps compile for seconds on some adapters, and their first blocks are full above.
  const quick = cases.filter(([, tile]) => tile.threadPixels * tile.threadChannels * tile.blockDepth < 512);

  it.each(quick)('%s with full blocks', async (_, tile, index) => {
    const { blockPixels: inWidth, blockDepth: inChannels, blockChannels: outChannels } = tile;
    const mode = modes[(index + 1) % 3]!;
    await expectTiled({ ...base, inWidth, inChannels, outChannels }, epilogue(mode, 0), tile, 200 + index);
  });
});

const odd: Record<string, Partial<ConvolutionShape>> = {
  'prime sizes': {
    batch: 3,
    inHeight: 5,
    inWidth: 7,
    inChannels: 11,
    outChannels: 13,
    kernel: [3, 3],
    padding: [1, 1],
  },
  groups: { inHeight: 5, inWidth: 6, inChannels: 12, outChannels: 18, groups: 3, kernel: [3, 2] },
  'a group a channel': {
    batch: 2,
    inHeight: 5,
    inWidth: 4,
    inChannels: 6,
    outChannels: 6,
    groups: 6,
    kernel: [3, 3],
    padding: [1, 1],
  },
  strides: {
    batch: 2,
    inHeight: 11,
    inWidth: 13,
    inChannels: 8,
    outChannels: 6,
    kernel: [3, 3],
    stride: [2, 3],
    padding: [1, 1],
  },
  dilation: {
    inHeight: 9,
    inWidth: 11,
    inChannels: 5,
    outChannels: 8,
    kernel: [3, 2],
    dilation: [2, 3],
    padding: [2, 1],
  },
  'padding beyond the window': {
    inHeight: 3,
    inWidth: 2,
    inChannels: 4,
    outChannels: 4,
    kernel: [2, 2],
    padding: [3, 4],
  },
  'a stride above the window': { inHeight: 9, inWidth: 8, inChannels: 3, outChannels: 5, stride: [3, 4] },
  'a row of many pixels': { inWidth: 331, inChannels: 7, outChannels: 9, kernel: [1, 3], padding: [0, 1] },
  'many steps': { inHeight: 3, inWidth: 3, inChannels: 37, outChannels: 8, kernel: [3, 3], padding: [1, 1] },
};

const oddCases = Object.entries(odd).map(([name, shape], index) => [name, { ...base, ...shape }, index] as const);

describe('shapes in float32', () => {
  it.each(oddCases)('%s', async (_, shape, index) => {
    await expectTiled(shape, epilogue(modes[index % 3]!, 0), small, 400 + index);
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
  const shape = { ...base, batch: 2, inHeight: 3, inWidth: 4, inChannels: 6, outChannels: 10, groups: 2 };
  it.each(Array.from({ length: 16 }, (_, bits) => epilogue(modes[bits % 3]!, bits)))('%o', async (one) => {
    await expectTiled(shape, one, small, 500);
  });
});

const strided = { ...base, batch: 2, inHeight: 7, inWidth: 8, inChannels: 6, outChannels: 8 };

/** Convolutions whose input gradient reads a spread input, or one with padding cut off. */
const gradients: Record<string, ConvolutionShape> = {
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

describe('the input gradient, added to what is there, with window sums and', () => {
  const cases = Object.entries(gradients).map(([name, shape], index) => [name, shape, modes[index % 3]!] as const);
  it.each(cases)('%s', async (_, shape, mode) => {
    const geometry = checkConvolution('test', shape);
    const { kernel, padding, dilation, groups, groupIn, groupOut, stride } = geometry;
    const turned: ConvolutionGeometry = {
      ...geometry,
      inHeight: geometry.outHeight,
      inWidth: geometry.outWidth,
      outHeight: geometry.inHeight,
      outWidth: geometry.inWidth,
      inChannels: geometry.outChannels,
      outChannels: geometry.inChannels,
      groupIn: groupOut,
      groupOut: groupIn,
      stride: [1, 1],
      padding: [dilation[0] * (kernel[0] - 1) - padding[0], dilation[1] * (kernel[1] - 1) - padding[1]],
    };
    const options = { accumulate: true, ...(mode !== 'none' && { windowSums: mode }), family: 'tiled' } as const;
    const plan = planConvolutionInputGradient(shape, options, { subgroup: 4 });
    const [transpose, convolve] = plan.steps;
    const one = randomCase(shape, 'none', false, 51);
    const before = randomArray(geometry.inputBytes / 4, 61);
    const windowSums = randomArray(shape.batch * shape.inHeight * shape.inWidth * groups, 62);
    const adjust = randomArray(shape.inChannels, 63);
    const result = await runPlan(
      device,
      { ...plan, steps: [transpose!, inTiles(convolve!, turned, small, stride)] },
      {
        gradient: one.gradient,
        filter: one.filter,
        output: before,
        ...(mode !== 'none' && { windowSums }),
        ...(mode === 'input' && { adjust }),
      },
    );

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
  });
});
