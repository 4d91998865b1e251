import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/errors.js';
import { openDevice } from '../../src/openDevice.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { type ConvolutionOptions, planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { FormRequest, RankedForm } from '../../src/ops/forms.js';
import { matrixMultiplyAddsOf, planMatrixMultiplyAdds } from '../../src/ops/matrixProbe.js';
import type { MatrixTile } from '../../src/ops/matrixUnits.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import {
  convolutionBackwardMagnitude,
  convolutionBackwardReference,
  convolutionMagnitude,
  convolutionReference,
} from '../reference/convolution.js';
import { HALF_SUBNORMAL, roundedToHalf, storingBound } from '../support/float16.js';
import { type MatrixDevice, matrixDevice, runMatrix } from '../support/matrixDevice.js';
import { randomArray } from '../support/random.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { adjustOperand, randomCase, referenceOperands } from './convolutionCase.js';
import { oddShapes, onePixel } from './productShapes.js';

/* Products by matrix units; what an adapter without them does with each is to refuse it. */
let opened: MatrixDevice;

beforeAll(async () => {
  opened = await matrixDevice();
});

afterAll(() => opened.close());

/** Unit roundoff of float16. */
const halfEpsilon = 2 ** -11;

type Floats = Float32Array<ArrayBuffer>;

/** Matrix units may cut off where they round, which twice the bound of a sum allows. */
function sumBound(terms: number, magnitude: ArrayLike<number>): Float64Array {
  return summationBound(2 * terms, magnitude);
}

/** And factors that are float32 in memory are rounded to float16 first. */
function roundedBound(terms: number, magnitude: ArrayLike<number>): Float64Array {
  return sumBound(terms, magnitude).map(
    (bound, i) => bound + 2.01 * halfEpsilon * magnitude[i]! + 4 * terms * HALF_SUBNORMAL,
  );
}

const mostOf = (form: RankedForm): number => form.tile.blockRows! * form.tile.blockColumns! * form.tile.blockDepth!;

/** Chooses the smallest form of matrix units that fits `wanted`. */
function choosing(wanted: (form: RankedForm) => boolean = ({ tile }) => (tile.splits ?? 1) === 1) {
  return ({ forms }: FormRequest): RankedForm => {
    const own = forms.filter((form) => form.family === 'matrix' && wanted(form));
    if (own.length === 0) throw new Error('no such form');
    return own.reduce((best, next) => (mostOf(next) < mostOf(best) ? next : best));
  };
}

/** The forms of matrix units that a plan is offered. */
function formsOf(plan: (traits: DeviceTraits) => OperationPlan, traits: DeviceTraits = opened.traits): RankedForm[] {
  let offered: readonly RankedForm[] = [];
  plan({
    ...traits,
    choose({ forms }) {
      offered = forms;
      return forms[0]!;
    },
  });
  return offered.filter(({ family }) => family === 'matrix');
}

const shape3x3 = {
  ...onePixel,
  inHeight: 6,
  inWidth: 7,
  inChannels: 12,
  outChannels: 20,
  kernel: [3, 3],
  padding: [1, 1],
} as const;

describe('matrix units', () => {
  it('are there where they have to be: ICNET_TEST_MATRIX', () => {
    if (process.env.ICNET_TEST_MATRIX === 'required') expect(opened.refusal).toBeUndefined();
    if (opened.refusal) expect(opened.refusal.message).toContain('chromium-experimental-subgroup-matrix');
    else expect(opened.traits.matrix.configurations.length).toBeGreaterThan(0);
  });

  it('are used where they were asked for alone', async () => {
    const plain = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
    expect(plain.features).not.toContain('chromium-experimental-subgroup-matrix');
    expect(deviceTraits(plain.device).matrix).toBeUndefined();
    plain.close();
    const half = (traits: DeviceTraits) => planConvolution(shape3x3, { precision: 'float16' }, traits);
    const { matrix: _, ...without } = opened.traits;
    expect(formsOf(half, without)).toEqual([]);
    expect(formsOf(half).length).toBeGreaterThan(0);
  });

  it('multiply what is float16 in memory, or where kernels may multiply in float16, one group', () => {
    const count = (traits: Partial<DeviceTraits>, options: ConvolutionOptions = {}, groups = 1) => {
      const given = { ...shape3x3, groups };
      return formsOf((traits) => planConvolution(given, options, traits), { ...opened.traits, ...traits }).length;
    };
    expect(count({})).toBe(0);
    expect(count({ half: true })).toBeGreaterThan(0);
    expect(count({}, { precision: 'float16' })).toBeGreaterThan(0);
    expect(count({}, { precision: 'float16' }, 2)).toBe(0);
  });

  it('are a choice of its own to the tuner', () => {
    const keyOf = (traits: DeviceTraits): string => {
      let found = '';
      planConvolution(
        shape3x3,
        { precision: 'float16' },
        {
          ...traits,
          choose: ({ key, forms }) => {
            found = key;
            return forms[0]!;
          },
        },
      );
      return found;
    };
    const { matrix: _, ...without } = opened.traits;
    expect(keyOf(opened.traits)).not.toBe(keyOf(without));
  });

  it('are refused by name where there are none', async () => {
    const { matrix: _, ...without } = opened.traits;
    expect(() => planConvolution(shape3x3, { precision: 'float16', family: 'matrix' }, without)).toThrow(
      UnsupportedError,
    );
  });
});

interface Epilogue {
  readonly adjust?: 'none' | 'output' | 'input';
  readonly offset?: boolean;
  readonly scaleShift?: boolean;
  readonly residual?: boolean;
  readonly inPlace?: boolean;
  readonly relu?: boolean;
  readonly storeSums?: boolean;
}

/** Holds a forward convolution on float16, with what follows it, to float64. */
async function expectForward(
  shape: CompleteConvolution,
  epilogue: Epilogue,
  choose: (request: FormRequest) => RankedForm,
  seed: number,
): Promise<void> {
  const {
    adjust = 'none',
    offset = false,
    scaleShift = false,
    residual = false,
    inPlace = false,
    relu = false,
    storeSums = false,
  } = epilogue;
  const channels = shape.outChannels;
  const random = randomCase(shape, adjust, true, seed, offset);
  const one = { ...random, input: roundedToHalf(random.input), filter: roundedToHalf(random.filter) };
  const scales = randomArray(2 * channels, seed + 10, -2, 2);
  const added = roundedToHalf(randomArray(one.gradient.length, seed + 11));
  const unit = { adjust, offset, bias: true, storeSums };
  const options = { ...unit, scaleShift, residual, residualInPlace: inPlace, relu };
  const plan = planConvolution(shape, { ...options, precision: 'float16' }, { ...opened.traits, choose });
  const inputs: Record<string, Floats> = {
    input: one.input,
    filter: one.filter,
    bias: one.bias!,
    ...adjustOperand(one),
    ...(scaleShift && { scaleShift: scales }),
    ...(residual && { residual: added }),
    ...(inPlace && { output: added }),
  };
  const behind = (y: Float64Array, on: (value: number) => number) =>
    y.map((value, i) => {
      const k = i % channels;
      const scaled = scaleShift ? on(scales[k]!) * value + on(scales[channels + k]!) : value;
      return residual || inPlace ? scaled + on(added[i]!) : scaled;
    });
  const operands = referenceOperands(one);
  const { y, windowSum } = convolutionReference(operands);
  const magnitudes = convolutionMagnitude(operands);
  const expected = behind(y, (value) => value).map((value) => (relu ? Math.max(value, 0) : value));
  const terms = shape.kernel[0] * shape.kernel[1] * shape.inChannels + 8;
  const stored = storingBound(expected);
  const bound = sumBound(terms, behind(magnitudes.y, Math.abs)).map((value, i) => 2 * value + stored[i]!);
  const what = `matrix ${JSON.stringify(shape)} ${JSON.stringify(epilogue)}`;
  await runMatrix(opened, plan, inputs, (outputs) => {
    expectClose(outputs.floats('output').subarray(0, expected.length), expected, bound, what);
    if (storeSums)
      expectClose(outputs.floats('windowSums'), windowSum, summationBound(terms, magnitudes.windowSum), `${what} sums`);
    else expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
  });
}

it('multiply-adds of nothing else come to what they have to', async () => {
  const { traits } = opened;
  const [workgroups, rounds] = [3, 5];
  const plan = planMatrixMultiplyAdds(workgroups, rounds, traits);
  await runMatrix(opened, plan, {}, (outputs) => {
    const sums = outputs.floats('output');
    const products = (workgroups * matrixMultiplyAddsOf(rounds, traits)) / sums.length;
    // All operands are 1.
    expect([...sums]).toEqual(Array(sums.length).fill(products));
  });
  const { matrix: _, ...without } = traits;
  expect(() => planMatrixMultiplyAdds(workgroups, rounds, without)).toThrow(UnsupportedError);
});

/** Whether a form has the sizes of a tile; how a reduction is split apart. */
const hasSizes = (tile: MatrixTile, form: RankedForm): boolean =>
  Object.entries(tile).every(([name, size]) => name === 'splits' || form.tile[name] === size);

/** The tiles that a device has for a large product, the smallest first; where there are fewer, the largest once more. */
describe.each([0, 1, 2, 3, 4, 5, 6, 7])('tile %i', (index) => {
  const large = { ...onePixel, inWidth: 4096, inChannels: 64, outChannels: 256 };
  const tileOf = (): MatrixTile => {
    const forms = formsOf((traits) => planConvolution(large, { precision: 'float16' }, traits));
    const whole = forms.filter(({ tile }) => tile.splits === 1).sort((a, b) => mostOf(a) - mostOf(b));
    return (whole[index] ?? whole.at(-1)!).tile as unknown as MatrixTile;
  };

  // Of the larger ones, which take longer to compile, the sizes above.
  it.each(index === 0 ? [-1, 0, 1] : [1])('%i beside its size', async (beside) => {
    const tile = tileOf();
    const shape = {
      ...onePixel,
      inWidth: tile.blockRows + beside,
      inChannels: tile.blockDepth + 4 * beside,
      outChannels: tile.blockColumns + 4 * beside,
    };
    const adjust = (['none', 'output', 'input'] as const)[(index + beside + 1) % 3]!;
    const wanted = (form: RankedForm) => form.tile.splits === 1 && hasSizes(tile, form);
    await expectForward(shape, { adjust }, choosing(wanted), 100 + index);
  });
});

const window = { kernel: [3, 3], padding: [1, 1] } as const;

/** Convolutions that fit no tile. */
const shapes: Readonly<Record<string, CompleteConvolution>> = {
  'prime sizes': { ...onePixel, ...window, batch: 3, inHeight: 5, inWidth: 7, inChannels: 11, outChannels: 13 },
  strides: {
    ...onePixel,
    ...window,
    batch: 2,
    inHeight: 11,
    inWidth: 13,
    inChannels: 8,
    outChannels: 6,
    stride: [2, 3],
  },
  dilation: oddShapes.dilation!,
  'padding beyond the window': oddShapes['padding beyond the window']!,
  'many steps': { ...onePixel, ...window, inHeight: 3, inWidth: 3, inChannels: 77, outChannels: 18 },
  'a stem': {
    ...onePixel,
    inHeight: 9,
    inWidth: 14,
    inChannels: 3,
    outChannels: 20,
    kernel: [5, 7],
    stride: [2, 2],
    padding: [2, 3],
  },
};
const shapeCases = Object.entries(shapes).map(([name, shape], index) => [name, shape, index] as const);
const modes = ['none', 'output', 'input'] as const;

describe('forward', () => {
  it.each(shapeCases)('%s', (_, shape, index) =>
    expectForward(shape, { adjust: modes[(index + 1) % 3]! }, choosing(), 300 + index));

  it.each([
    { adjust: 'output', storeSums: true },
    { adjust: 'input', storeSums: true },
    { adjust: 'output', offset: true, scaleShift: true, residual: true, relu: true },
    { adjust: 'input', offset: true, scaleShift: true, inPlace: true, relu: true },
    { scaleShift: true },
  ] satisfies Epilogue[])('%o', (epilogue) => expectForward(shape3x3, epilogue, choosing(), 400));

  it.each(['output', 'input'] as const)('the reduction split, adjust %s', async (adjust) => {
    const split = choosing(({ tile }) => tile.splits! > 1);
    const shape = { ...shape3x3, inHeight: 3, inChannels: 70 };
    await expectForward(shape, { adjust, offset: true, scaleShift: true, relu: true }, split, 410);
  });

  it('leaves float32 where that is wanted, and notes the statistics', async () => {
    const one = randomCase(shape3x3, 'none', false, 420);
    const [input, filter] = [roundedToHalf(one.input), roundedToHalf(one.filter)];
    const options = { precision: 'float16', outputPrecision: 'float32', statistics: true } as const;
    const plan = planConvolution(shape3x3, options, { ...opened.traits, choose: choosing() });
    const operands = referenceOperands({ ...one, input, filter });
    await runMatrix(opened, plan, { input, filter }, (outputs) => {
      const output = outputs.floats('output');
      const bound = sumBound(9 * 12 + 1, convolutionMagnitude(operands).y);
      expectClose(output, convolutionReference(operands).y, bound, 'into float32');
      const { outChannels } = shape3x3;
      const statistics = outputs.floats('statistics');
      const blocks = statistics.length / 3 / outChannels;
      const at = (block: number, part: number, k: number) => statistics[(3 * block + part) * outChannels + k]!;
      for (let k = 0; k < outChannels; k++) {
        const all = Array.from({ length: blocks }, (_, block) => block);
        const sumOf = (of: (block: number) => number) => all.reduce((sum, block) => sum + of(block), 0);
        const values = output.filter((_, i) => i % outChannels === k);
        const mean = sumOf((block) => at(block, 0, k) * at(block, 2, k)) / values.length;
        const squares = sumOf((block) => at(block, 1, k) + at(block, 2, k) * (at(block, 0, k) - mean) ** 2);
        expect(sumOf((block) => at(block, 2, k))).toBe(values.length);
        expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 4);
        expect(squares).toBeCloseTo(
          values.reduce((sum, value) => sum + (value - mean) ** 2, 0),
          3,
        );
      }
    });
  });

  it('notes what float16 does not hold', async () => {
    const one = randomCase(shape3x3, 'none', false, 430);
    const input = roundedToHalf(one.input);
    input[5] = 60000;
    const plan = planConvolution(shape3x3, { precision: 'float16' }, { ...opened.traits, choose: choosing() });
    for (const [weight, noted] of [
      [0.25, 0],
      [2, 1],
    ] as const) {
      const filter = new Float32Array(one.filter.length).fill(weight);
      await runMatrix(opened, plan, { input, filter }, (outputs) => expect(outputs.floats('status')[0]).toBe(noted));
    }
  });

  it('rounds what is float32 in memory', async () => {
    const one = randomCase(shape3x3, 'none', false, 440);
    const plan = planConvolution(shape3x3, {}, { ...opened.traits, half: true, choose: choosing() });
    const operands = referenceOperands(one);
    await runMatrix(opened, plan, { input: one.input, filter: one.filter }, (outputs) => {
      const bound = roundedBound(9 * 12 + 1, convolutionMagnitude(operands).y);
      expectClose(outputs.floats('output'), convolutionReference(operands).y, bound, 'of float32');
    });
  });

  it('keeps what is not finite where its window is', async () => {
    const shape = { ...onePixel, ...window, inHeight: 7, inWidth: 9, inChannels: 6, outChannels: 8 };
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const one = randomCase(shape, 'none', false, 450);
      const input = roundedToHalf(one.input);
      const [row, column] = [2, 4];
      input[(row * 9 + column) * 6 + 3] = value;
      const options = { precision: 'float16', outputPrecision: 'float32' } as const;
      const plan = planConvolution(shape, options, { ...opened.traits, choose: choosing() });
      await runMatrix(opened, plan, { input, filter: roundedToHalf(one.filter) }, (outputs) => {
        const finite = Array.from(outputs.floats('output'), Number.isFinite);
        const expected = finite.map((_, i) => {
          const pixel = Math.floor(i / 8);
          return Math.abs(Math.floor(pixel / 9) - row) > 1 || Math.abs((pixel % 9) - column) > 1;
        });
        expect(finite).toEqual(expected);
      });
    }
  });
});

const strided = { ...onePixel, batch: 2, inHeight: 7, inWidth: 8, inChannels: 6, outChannels: 8 };
const gradients: Readonly<Record<string, CompleteConvolution>> = {
  'stride 1': { ...strided, ...window, inChannels: 36, outChannels: 40 },
  'stride 2': { ...strided, ...window, stride: [2, 2] },
  'strides 2 and 3 with rows and columns left over': { ...strided, kernel: [2, 2], stride: [2, 3] },
  'padding beyond a dilated window': { ...strided, kernel: [2, 3], padding: [4, 5], dilation: [2, 2] },
  'channels that are no vectors': { ...strided, kernel: [3, 3], inChannels: 7, outChannels: 9 },
  'channels that are short vectors': { ...strided, kernel: [3, 3], inChannels: 10, outChannels: 6 },
};
const gradientCases = Object.entries(gradients).map(([name, shape], index) => [name, shape, index] as const);

describe('the input gradient, its filters read in place, added to what is there, with window sums, of', () => {
  it.each(gradientCases)('%s', async (_, shape, index) => {
    const geometry = checkConvolution('test', shape);
    const mode = modes[index % 3]!;
    const options = { accumulate: true, ...(mode !== 'none' && { windowSums: mode }) } as const;
    const traits = { ...opened.traits, half: true, choose: choosing() };
    const plan = planConvolutionInputGradient(shape, options, traits);
    const one = randomCase(shape, 'none', false, 500 + index);
    const before = randomArray(geometry.inputBytes / 4, 61);
    const windowSums = randomArray(shape.batch * shape.inHeight * shape.inWidth, 62);
    const adjust = randomArray(shape.inChannels, 63);
    const throughSums = (i: number): number => {
      const sum = windowSums[Math.floor(i / shape.inChannels)]!;
      return mode === 'none' ? 0 : mode === 'output' ? sum : adjust[i % shape.inChannels]! * sum;
    };
    const operands = referenceOperands(one);
    const expected = convolutionBackwardReference(operands).dx.map((value, i) => value + throughSums(i) + before[i]!);
    const magnitude = convolutionBackwardMagnitude(operands).dx.map(
      (value, i) => value + Math.abs(throughSums(i)) + Math.abs(before[i]!),
    );
    const inputs = {
      gradient: one.gradient,
      filter: one.filter,
      output: before,
      ...(mode !== 'none' && { windowSums }),
      ...(mode === 'input' && { adjust }),
    };
    const { kernel, outChannels } = geometry;
    const bound = roundedBound(kernel[0] * kernel[1] * outChannels + 3, magnitude);
    expect(plan.steps.map((step) => step.kernel.name)).not.toContain('filter_transpose');
    await runMatrix(opened, plan, inputs, (outputs) => {
      expectClose(outputs.floats('output'), expected, bound, `input gradient ${JSON.stringify(shape)}`);
    });
  });
});

describe('the filter gradient of', () => {
  const cases = [...gradientCases, ['a stem', shapes['a stem']!, 6], ['many pixels', { ...strided, inHeight: 40 }, 7]];

  it.each(cases as (readonly [string, CompleteConvolution, number])[])('%s', async (_, shape, index) => {
    const traits = { ...opened.traits, half: true, choose: choosing(() => true) };
    const plan = planConvolutionFilterGradient(shape, {}, traits);
    const one = randomCase(shape, 'none', false, 600 + index);
    const operands = referenceOperands(one);
    const { batch, outHeight, outWidth } = checkConvolution('gradient', shape);
    const bound = roundedBound(batch * outHeight * outWidth + 1, convolutionBackwardMagnitude(operands).dFilter);
    await runMatrix(opened, plan, { input: one.input, gradient: one.gradient }, (outputs) => {
      const expected = convolutionBackwardReference(operands).dFilter;
      expectClose(outputs.floats('output'), expected, bound, `filter gradient ${JSON.stringify(shape)}`);
    });
  });
});

describe('gradients of what is float16 in memory:', () => {
  it.each(['none', 'output'] as const)('of the input, window sums %s', async (mode) => {
    const shape = gradients['stride 2']!;
    const one = randomCase(shape, 'none', false, 700);
    const half = { ...one, filter: roundedToHalf(one.filter), gradient: roundedToHalf(one.gradient) };
    const windowSums = randomArray(shape.batch * shape.inHeight * shape.inWidth, 62);
    const options = { precision: 'float16', ...(mode !== 'none' && { windowSums: mode }) } as const;
    const plan = planConvolutionInputGradient(shape, options, { ...opened.traits, choose: choosing() });
    const operands = referenceOperands(half);
    const added = (i: number): number => (mode === 'none' ? 0 : windowSums[Math.floor(i / shape.inChannels)]!);
    const expected = convolutionBackwardReference(operands).dx.map((value, i) => value + added(i));
    const magnitude = convolutionBackwardMagnitude(operands).dx.map((value, i) => value + Math.abs(added(i)));
    const stored = storingBound(expected);
    const bound = sumBound(9 * shape.outChannels + 2, magnitude).map((value, i) => value + stored[i]!);
    const inputs = { gradient: half.gradient, filter: half.filter, ...(mode !== 'none' && { windowSums }) };
    await runMatrix(opened, plan, inputs, (outputs) => {
      expectClose(outputs.floats('output').subarray(0, expected.length), expected, bound, `input gradient ${mode}`);
      expect(outputs.floats('status')[0]).toBe(0);
    });
  });

  it('of the filters', async () => {
    const shape = gradients['stride 1']!;
    const one = randomCase(shape, 'none', false, 710);
    const half = { ...one, input: roundedToHalf(one.input), gradient: roundedToHalf(one.gradient) };
    const traits = { ...opened.traits, choose: choosing(() => true) };
    const plan = planConvolutionFilterGradient(shape, { precision: 'float16' }, traits);
    const operands = referenceOperands(half);
    const { batch, outHeight, outWidth } = checkConvolution('gradient', shape);
    const bound = sumBound(batch * outHeight * outWidth + 1, convolutionBackwardMagnitude(operands).dFilter);
    await runMatrix(opened, plan, { input: half.input, gradient: half.gradient }, (outputs) => {
      expectClose(outputs.floats('output'), convolutionBackwardReference(operands).dFilter, bound, 'filter gradient');
    });
  });
});
