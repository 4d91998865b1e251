import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import type { Pair, Sides } from '../../src/graph/network.js';
import {
  planTransposedConvolution,
  planTransposedConvolutionFilterGradient,
  planTransposedConvolutionInputGradient,
} from '../../src/ops/convolution/transposed.js';
import type { Form, FormRequest } from '../../src/ops/forms.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { expectError } from '../models/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { directTraits } from '../support/directTraits.js';
import { propertySeed } from '../support/propertySeed.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose, summationBound } from '../support/tolerance.js';
import { boundOf, plansInForms } from './formsCase.js';
import { type CompleteTransposed, transposedCase, transposedExpected, transposedShapes } from './transposedCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const tapsOf = ({ kernel }: CompleteTransposed): number => kernel[0] * kernel[1];

describe.each(Object.entries(transposedShapes))('%s', (name, shape) => {
  const one = transposedCase(shape, 31);
  const { exact, magnitude } = transposedExpected(one);
  const { batch, inHeight, inWidth, inChannels, outChannels, groups } = shape;

  it.each([false, true])('forward in every form, constant filters %s', async (constantFilter) => {
    const options = { bias: true, constantFilter };
    const plans = plansInForms(device, (traits) => planTransposedConvolution(shape, options, traits));
    expect(plans.length).toBeGreaterThan(1);
    for (const [form, plan] of plans) {
      const inputs = { input: one.input, filter: one.filter, bias: one.bias };
      const result = await runPlan(device, plan, inputs, { times: 2 });
      const bound = boundOf(plan, tapsOf(shape) * (inChannels / groups) + 2, magnitude.y);
      expectClose(result.floats('output'), exact.y, bound, `${name} ${form}`);
    }
  });

  it('gradients in every form', async () => {
    const inputs = { gradient: one.gradient, filter: one.filter };
    const terms = tapsOf(shape) * (outChannels / groups) + 2;
    const toInput = plansInForms(device, (traits) => planTransposedConvolutionInputGradient(shape, {}, traits));
    for (const [form, plan] of toInput) {
      const result = await runPlan(device, plan, inputs);
      const bound = boundOf(plan, terms, magnitude.dx);
      expectClose(result.floats('output'), exact.dx, bound, `${name} input gradient ${form}`);
    }
    const before = randomArray(one.input.length, 41);
    const adding = planTransposedConvolutionInputGradient(shape, { accumulate: true }, directTraits(device));
    const added = await runPlan(device, adding, { ...inputs, output: before });
    const expected = exact.dx.map((value, i) => value + before[i]!);
    const whole = magnitude.dx.map((value, i) => value + Math.abs(before[i]!));
    expectClose(added.floats('output'), expected, summationBound(terms, whole), `${name} added input gradient`);
    const toFilter = plansInForms(device, (traits) => planTransposedConvolutionFilterGradient(shape, {}, traits));
    for (const [form, plan] of toFilter) {
      const result = await runPlan(device, plan, { input: one.input, gradient: one.gradient });
      const bound = summationBound(batch * inHeight * inWidth + 1, magnitude.dFilter);
      expectClose(result.floats('output'), exact.dFilter, bound, `${name} filter gradient ${form}`);
    }
  });
});

it.each([false, true])('a GPU turns filters round ahead, where they are constant once: %s', async (constantFilter) => {
  const shape = transposedShapes['a decoder that doubles the image']!;
  const one = transposedCase(shape, 32);
  const { exact, magnitude } = transposedExpected(one);
  const smallest = ({ forms }: FormRequest): Form => {
    const own = forms.filter(({ family }) => family === 'subgroup').sort((a, b) => a.body - b.body);
    return own[0] ?? forms.find(({ family }) => family === 'tiled')!;
  };
  const { subgroup, pinned } = deviceTraits(device);
  const traits = { software: false, choose: smallest, ...(subgroup && { subgroup }), ...(pinned && { pinned }) };
  const plan = planTransposedConvolution(shape, { bias: true, constantFilter }, traits);
  if (subgroup) {
    const turning = constantFilter ? plan.prepare! : plan.steps;
    expect(turning[0]!.kernel.name).toBe('filter_transpose');
    expect(plan.operands.turnedFilter!.use).toBe(constantFilter ? 'prepared' : 'scratch');
  }
  const { input, filter, bias } = one;
  const result = await runPlan(device, plan, { input, filter, bias }, { times: 2 });
  const bound = summationBound(tapsOf(shape) * shape.inChannels + 2, magnitude.y);
  expectClose(result.floats('output'), exact.y, bound, 'turned round ahead');
});

interface Axis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly open: number;
}

const axis: fc.Arbitrary<Axis> = fc
  .record({
    size: fc.integer({ min: 1, max: 7 }),
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 3 }),
    before: fc.nat(3),
    after: fc.nat(3),
    open: fc.nat(2),
  })
  .map(({ open, ...rest }) => ({ ...rest, open: Math.min(open, Math.max(rest.stride, rest.dilation) - 1) }))
  .filter(({ size, kernel, stride, dilation, before, after, open }) => {
    return (size - 1) * stride + dilation * (kernel - 1) + 1 + open > before + after;
  });

const randomShapes: fc.Arbitrary<CompleteTransposed> = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    down: axis,
    along: axis,
    groups: fc.constantFrom(1, 1, 2, 3),
    groupIn: fc.constantFrom(1, 2, 3, 4, 7, 8, 16),
    groupOut: fc.constantFrom(1, 2, 4, 5, 8, 17),
  })
  .map(({ batch, down, along, groups, groupIn, groupOut }) => {
    const pair = (name: keyof Axis): Pair => [down[name], along[name]];
    const padding: Sides = [down.before, along.before, down.after, along.after];
    return {
      ...{ batch, inHeight: down.size, inWidth: along.size, groups, padding },
      ...{ inChannels: groups * groupIn, outChannels: groups * groupOut },
      ...{ kernel: pair('kernel'), stride: pair('stride'), dilation: pair('dilation'), outputPadding: pair('open') },
    };
  });

it('random shapes, forward and backward', async () => {
  const traits = directTraits(device);
  await fc.assert(
    fc.asyncProperty(randomShapes, fc.nat(1e6), async (shape, seed) => {
      const one = transposedCase(shape, seed);
      const { exact, magnitude } = transposedExpected(one);
      const { input, filter, bias, gradient } = one;
      const terms = tapsOf(shape) * Math.max(shape.inChannels, shape.outChannels) + 2;
      const forward = await runPlan(device, planTransposedConvolution(shape, { bias: true }, traits), {
        ...{ input, filter, bias },
      });
      expectClose(forward.floats('output'), exact.y, summationBound(terms, magnitude.y), 'random transposed');
      const dx = await runPlan(device, planTransposedConvolutionInputGradient(shape, {}, traits), { gradient, filter });
      expectClose(dx.floats('output'), exact.dx, summationBound(terms, magnitude.dx), 'random input gradient');
      const dw = await runPlan(device, planTransposedConvolutionFilterGradient(shape, {}, traits), { input, gradient });
      const pixels = shape.batch * shape.inHeight * shape.inWidth;
      const bound = summationBound(pixels + 1, magnitude.dFilter);
      expectClose(dw.floats('output'), exact.dFilter, bound, 'random filter gradient');
    }),
    { numRuns: 12, seed: propertySeed },
  );
});

/** conv_transpose2d of PyTorch 1.13 with two channels, stride 2, padding 1 and one row and column added behind. */
it('as PyTorch has it', async () => {
  const shape = {
    batch: 1,
    inHeight: 1,
    inWidth: 2,
    inChannels: 2,
    outChannels: 1,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1],
    outputPadding: [1, 1],
  } as const;
  // x[c,w] = [[1, 2], [3, 4]]; weight[c,k,r,s] counts up from 1.
  const input = Float32Array.of(1, 3, 2, 4);
  const filter = Float32Array.from({ length: 18 }, (_, i) => Math.floor(i / 2) + 1 + 9 * (i % 2));
  const plan = planTransposedConvolution(shape, { bias: true }, deviceTraits(device));
  const result = await runPlan(device, plan, { input, filter, bias: Float32Array.of(0.5) });
  const expected = [47.5, 111.5, 66.5, 72.5, 59.5, 141.5, 84.5, 90.5];
  expectClose(
    result.floats('output'),
    expected,
    expected.map((value) => 20 * EPSILON * value),
    'PyTorch',
  );
});

describe('wrong input', () => {
  const shape = transposedShapes['a decoder that doubles the image']!;
  const wrong: readonly (readonly [
    Partial<CompleteTransposed>,
    { parameter: string; expected: string; got: string },
  ])[] = [
    [{ batch: 0 }, { parameter: 'batch', expected: 'a positive integer', got: '0' }],
    [{ groups: 5 }, { parameter: 'inChannels', expected: 'a multiple of 5 groups', got: '12' }],
    [{ groups: 3 }, { parameter: 'outChannels', expected: 'a multiple of 3 groups', got: '8' }],
    [{ kernel: [0, 3] }, { parameter: 'kernel', expected: 'a positive integer', got: '0' }],
    [{ padding: [1, 1, 1, -1] }, { parameter: 'padding', expected: 'a non-negative integer', got: '-1' }],
    [{ outputPadding: [0, 0.5] }, { parameter: 'outputPadding', expected: 'a non-negative integer', got: '0.5' }],
    [
      { outputPadding: [0, 2] },
      { parameter: 'outputPadding', expected: 'less than the stride or the dilation', got: '[0, 2]' },
    ],
    [{ outputPadding: [0] as never }, { parameter: 'outputPadding', expected: 'a pair [height, width]', got: '0' }],
    [
      { padding: [9, 0, 3, 0] },
      { parameter: 'padding', expected: 'less than 12, what there is to cut off', got: '[9, 0, 3, 0]' },
    ],
  ];

  it.each([
    ['transposedConv2d', planTransposedConvolution],
    ['transposedConv2dInputGradient', planTransposedConvolutionInputGradient],
    ['transposedConv2dFilterGradient', planTransposedConvolutionFilterGradient],
  ] as const)('%s refuses what does not fit', (operation, plan) => {
    for (const [change, said] of wrong) {
      expectError(() => plan({ ...shape, ...change }, {}, deviceTraits(device)), ShapeError, { operation, ...said });
    }
  });

  it('has PyTorch’s defaults where nothing is said', () => {
    const { batch, inHeight, inWidth, inChannels, outChannels, kernel } = shape;
    const least = { batch, inHeight, inWidth, inChannels, outChannels, kernel };
    const said = { stride: [1, 1], padding: [0, 0], outputPadding: [0, 0], dilation: [1, 1], groups: 1 } as const;
    for (const plan of [planTransposedConvolution, planTransposedConvolutionInputGradient]) {
      const traits = deviceTraits(device);
      expect(JSON.stringify(plan(least, {}, traits))).toBe(JSON.stringify(plan({ ...least, ...said }, {}, traits)));
    }
  });
});
