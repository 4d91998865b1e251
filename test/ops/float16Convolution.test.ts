import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { checkConvolution } from '../../src/ops/convolution/shape.js';
import { planDense } from '../../src/ops/dense.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { convolutionMagnitude } from '../reference/convolution.js';
import { denseReference } from '../reference/dense.js';
import { reluReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { roundedToHalf, runHalf, storingBound } from '../support/float16.js';
import { randomArray } from '../support/random.js';
import type { Outputs, Values } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { adjustOperand, expectedValues, referenceOperands } from './convolutionCase.js';
import { halfCase, sumError } from './float16Case.js';
import { formShapes, plansInForms } from './formsCase.js';

/* Convolutions on float16 in memory, in every form; what a device without float16 does with each is to refuse it. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** Holds an output to its values: the error of z, which the unit and the scale may double, and that of storing it. */
function expectOutput(outputs: Outputs, expected: ArrayLike<number>, error: Float64Array, what: string): void {
  const stored = outputs.floats('output');
  const bound = storingBound(expected).map((value, i) => value + error[i]!);
  expectClose(stored.subarray(0, expected.length), expected, bound, what);
  expect(Number.isNaN(stored[expected.length] ?? Number.NaN)).toBe(true);
  expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
}

describe.each(Object.entries(formShapes))('%s', (name, shape) => {
  const { groupIn } = checkConvolution(name, shape);
  const terms = shape.kernel[0] * shape.kernel[1] * groupIn + 8;

  it.each<[Adjust, boolean]>([
    ['none', false],
    ['output', true],
    ['input', false],
  ])('adjust %s, offset %s', async (adjust, offset) => {
    const one = halfCase(shape, adjust, 7, offset);
    const expected = expectedValues(one).y;
    const magnitude = convolutionMagnitude(referenceOperands(one)).y;
    const inputs: Record<string, Values> = {
      input: one.input,
      filter: one.filter,
      bias: one.bias!,
      ...adjustOperand(one),
    };
    const options = { adjust, offset, bias: true, precision: 'float16', constantFilter: true } as const;
    const plans = plansInForms(device, (traits) => planConvolution(shape, options, traits));
    expect(plans.length).toBeGreaterThan(1);
    for (const [form, plan] of plans.filter(([form]) => !form.includes('"half":1'))) {
      await runHalf(device, plan, inputs, (outputs) => {
        expectOutput(outputs, expected, sumError(plan, terms, magnitude), `${name} float16 ${adjust} ${form}`);
      });
    }
  });
});

/* llvmpipe takes ten seconds to compile one. */
describe('tiles in float16, of', () => {
  it.each(['odd sizes over images', 'prime channels', 'groups and dilation'])('%s', async (name) => {
    const shape = formShapes[name]!;
    const one = halfCase(shape, 'output', 7);
    const magnitude = convolutionMagnitude(referenceOperands(one)).y;
    const inputs = { input: one.input, filter: one.filter, bias: one.bias!, adjust: one.adjust! };
    const choose: ChooseForm = ({ forms }) => {
      const tiles = forms.filter(({ tile }) => tile.half === 1 && tile.splits === 1);
      return tiles.reduce((smallest, form) => (form.body < smallest.body ? form : smallest));
    };
    const options = { adjust: 'output', bias: true, precision: 'float16' } as const;
    const plan = planConvolution(shape, options, { ...deviceTraits(device), choose });
    const terms = (shape.kernel[0] * shape.kernel[1] * shape.inChannels) / shape.groups + 8;
    await runHalf(device, plan, inputs, (outputs) => {
      expectOutput(outputs, expectedValues(one).y, sumError(plan, terms, magnitude), `${name} in float16 tiles`);
    });
  });
});

/** A form of each way to multiply and to add up. */
const ways: Readonly<Record<string, (tile: Readonly<Record<string, number>>, family: string) => boolean>> = {
  naive: (_, family) => family === 'naive',
  'tiles in float32': ({ half, splits }, family) => family === 'tiled' && half === 0 && splits === 1,
  'tiles in float16': ({ half, splits }, family) => family === 'tiled' && half === 1 && splits === 1,
  'split tiles': ({ half, splits }, family) => family === 'tiled' && half === 1 && splits! > 1,
  subgroup: (_, family) => family === 'subgroup',
  'winograd F(2x2)': ({ edge }, family) => family === 'winograd' && edge === 2,
};

describe.each(Object.entries(ways))('%s', (name, matches) => {
  const shape = {
    ...formShapes['whole tiles']!,
    inChannels: 48,
    outChannels: 20,
    batch: 2,
  };
  const planned = (options: Parameters<typeof planConvolution>[1], given = shape) => {
    let asked = false;
    const plan = planConvolution(
      given,
      { precision: 'float16', ...options },
      {
        ...deviceTraits(device),
        choose: ({ forms, operation }) => {
          const small = [...forms].sort((a, b) => a.body - b.body);
          if (operation === 'winogradProduct') return small.find(({ family }) => family !== 'naive')!;
          const form = small.find(({ tile, family }) => matches(tile, family));
          asked ||= form !== undefined;
          return form ?? forms[0]!;
        },
      },
    );
    expect(asked, `a form of ${name}`).toBe(true);
    return plan;
  };

  it('does all that follows the sum', async () => {
    const one = halfCase(shape, 'output', 3, true);
    const { y } = expectedValues(one);
    const magnitude = convolutionMagnitude(referenceOperands(one)).y;
    const scaleShift = randomArray(40, 4, -2, 2);
    const residual = roundedToHalf(randomArray(y.length, 5));
    const behind = (value: number, i: number) =>
      value * scaleShift[i % 20]! + scaleShift[20 + (i % 20)]! + residual[i]!;
    const expected = reluReference(Float64Array.from(y, behind));
    const options = { adjust: 'output', offset: true, bias: true, scaleShift: true, relu: true } as const;
    const inputs = { input: one.input, filter: one.filter, bias: one.bias!, ...adjustOperand(one), scaleShift };
    const error = (plan: OperationPlan) => {
      const terms = 9 * 48 + 12;
      const whole = magnitude.map(
        (value, i) => 2 * value + Math.abs(scaleShift[20 + (i % 20)]!) + Math.abs(residual[i]!),
      );
      return sumError(
        plan,
        terms,
        whole.map((value) => 2 * value),
      );
    };
    const apart = planned({ ...options, residual: true });
    await runHalf(device, apart, { ...inputs, residual }, (outputs) => {
      expectOutput(outputs, expected, error(apart), `${name} epilogue`);
    });
    const inPlace = planned({ ...options, residualInPlace: true });
    await runHalf(device, inPlace, { ...inputs, output: residual }, (outputs) => {
      expectOutput(outputs, expected, error(inPlace), `${name} epilogue in place`);
    });
  });

  it('leaves float32 where that is wanted', async () => {
    const one = halfCase(shape, 'none', 6);
    const plan = planned({ bias: true, outputPrecision: 'float32' });
    const inputs = { input: one.input, filter: one.filter, bias: one.bias! };
    const magnitude = convolutionMagnitude(referenceOperands(one)).y;
    await runHalf(device, plan, inputs, (outputs) => {
      const error = sumError(plan, 9 * 48 + 3, magnitude);
      expectClose(outputs.floats('output'), expectedValues(one).y, error, `${name} into float32`);
      expect(outputs.floats('status')[0]).toBe(0);
    });
  });

  it('notes what does not fit, behind the ReLU or ahead of it', async () => {
    const one = halfCase(shape, 'none', 8);
    const large = one.input.slice();
    // One pixel in the middle of the second image.
    large[64 * 48 + 28 * 48 + 5] = 60000;
    const status = async (filter: Float32Array<ArrayBuffer>, options: Parameters<typeof planConvolution>[1] = {}) => {
      let noted = Number.NaN;
      await runHalf(device, planned(options), { input: large, filter }, (outputs) => {
        noted = outputs.floats('status')[0]!;
      });
      return noted;
    };
    const half = device.features.has('shader-f16');
    const of = (value: number) => (half ? value : Number.NaN);
    expect(await status(one.filter.map((value) => value / 64))).toBe(of(0));
    expect(await status(one.filter.fill(2))).toBe(of(1));
    const negative = one.filter.fill(-2);
    expect(await status(negative)).toBe(of(1));
    // In float32 the sum is finite, and 0 is stored of it; products of float16 are not.
    const hidden = await status(negative, { relu: true });
    expect([of(0), of(1)]).toContainEqual(hidden);
    if (name === 'naive') expect(hidden).toBe(of(0));
    if (name === 'tiles in float16') expect(hidden).toBe(of(1));
  });
});

it('dense layers leave float16 or float32', async () => {
  const shape = { batch: 5, inFeatures: 37, outFeatures: 11 };
  const input = roundedToHalf(randomArray(5 * 37, 1));
  const filter = roundedToHalf(randomArray(37 * 11, 2));
  const bias = randomArray(11, 3);
  const sizes = { inFeatures: 37, outFeatures: 11 };
  const y = denseReference({ x: input, weight: filter, bias, ...sizes });
  const magnitude = denseReference({
    x: input.map(Math.abs),
    weight: filter.map(Math.abs),
    bias: bias.map(Math.abs),
    ...sizes,
  });
  for (const outputPrecision of ['float16', 'float32'] as const) {
    const plan = planDense(shape, { bias: true, precision: 'float16', outputPrecision }, deviceTraits(device));
    const error = sumError(plan, 38, magnitude);
    const bound = outputPrecision === 'float16' ? storingBound(y).map((value, i) => value + error[i]!) : error;
    await runHalf(device, plan, { input, filter, bias }, (outputs) => {
      expectClose(outputs.floats('output').subarray(0, 55), y, bound, `dense into ${outputPrecision}`);
    });
  }
});
