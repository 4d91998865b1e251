import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { type ConvolutionShape, checkConvolution } from '../../src/ops/convolution.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolutionFilterGradient.js';
import { planConvolution } from '../../src/ops/convolutionForward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolutionInputGradient.js';
import type { FormRequest, RankedForm } from '../../src/ops/forms.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { convolutionBackwardMagnitude, convolutionMagnitude } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan, type Values } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { expectedValues, randomCase, referenceOperands } from './convolutionCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const base = { batch: 1, kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
const pointwise = { kernel: [1, 1], padding: [0, 0] } as const;

/** Sizes below, at and above what tiles cover: rows across images, channels with lanes to spare, strides, groups. */
const shapes: Readonly<Record<string, ConvolutionShape>> = {
  'whole tiles': { ...base, inHeight: 8, inWidth: 8, inChannels: 8, outChannels: 32 },
  'odd sizes over images': { ...base, batch: 3, inHeight: 5, inWidth: 7, inChannels: 5, outChannels: 12 },
  'prime channels': { ...base, batch: 2, inHeight: 3, inWidth: 11, inChannels: 13, outChannels: 17 },
  'wide pointwise': { ...base, ...pointwise, batch: 2, inHeight: 5, inWidth: 6, inChannels: 24, outChannels: 72 },
  'stride 2, no padding': {
    ...base,
    inHeight: 9,
    inWidth: 9,
    inChannels: 6,
    outChannels: 8,
    stride: [2, 2],
    padding: [0, 0],
  },
  'stride 2 of two rows': {
    ...base,
    batch: 2,
    inHeight: 6,
    inWidth: 5,
    inChannels: 8,
    outChannels: 16,
    stride: [2, 1],
  },
  'depthwise over images': { ...base, batch: 2, inHeight: 9, inWidth: 7, inChannels: 12, outChannels: 12, groups: 12 },
  'depthwise, stride 2, prime channels': {
    ...base,
    batch: 2,
    inHeight: 8,
    inWidth: 11,
    inChannels: 7,
    outChannels: 7,
    groups: 7,
    stride: [2, 2],
  },
  'depthwise, wide and dilated, more padding than filter': {
    ...base,
    inHeight: 6,
    inWidth: 9,
    inChannels: 6,
    outChannels: 6,
    groups: 6,
    kernel: [2, 5],
    stride: [3, 1],
    padding: [2, 6],
    dilation: [1, 2],
  },
  'an image, not square': {
    ...base,
    batch: 2,
    inHeight: 9,
    inWidth: 14,
    inChannels: 3,
    outChannels: 20,
    kernel: [5, 7],
    stride: [2, 2],
    padding: [2, 3],
  },
  'groups of many channels': { ...base, inHeight: 4, inWidth: 5, inChannels: 40, outChannels: 8, groups: 2 },
  'groups and dilation': {
    ...base,
    inHeight: 7,
    inWidth: 8,
    inChannels: 12,
    outChannels: 20,
    groups: 2,
    dilation: [2, 1],
  },
};

/** A family, and how it loads. */
const kindOf = ({ family, tile: { read = 1, fold = 1 } }: RankedForm): string => `${family} ${read} ${fold}`;

/** Every family and way of loading, and tiles from the whole range: compiling all of them would take hours. */
function spread(forms: readonly RankedForm[], count: number): RankedForm[] {
  const quick = forms.filter(({ body, family }) => body <= 120 || family === 'winograd');
  const kinds = [...new Set(quick.map(kindOf))];
  return kinds.flatMap((kind) => {
    const own = quick.filter((form) => kindOf(form) === kind);
    const step = Math.max(1, Math.floor(own.length / count));
    return own.filter((_, index) => index % step === 0).slice(0, count);
  });
}

/** Forms of a family: drivers with wide subgroups take seconds to compile some of them. */
const formsWithSubgroup = (subgroup = 0): number => (subgroup > 4 ? 2 : 3);

/** Plans in every form that `spread` picks. */
function plansInForms(plan: (traits: DeviceTraits) => OperationPlan): [string, OperationPlan][] {
  let request: FormRequest | undefined;
  const traits = deviceTraits(device);
  const note = (asked: FormRequest) => {
    if (asked.operation !== 'winogradProduct') request = asked;
    return asked.forms[0]!;
  };
  plan({ ...traits, choose: note });
  return spread(request!.forms, formsWithSubgroup(traits.subgroup)).map((form) => {
    const words = `${form.family} ${JSON.stringify(form.tile)}`;
    const choose = (asked: FormRequest) =>
      asked.operation === 'winogradProduct' ? asked.forms.find(({ body }) => body <= 120)! : form;
    return [words, plan({ ...traits, choose })];
  });
}

/**
 * Winograd's transforms multiply values by up to 8 and bring in those of the whole tile; F(4x4) loses about one digit on
 * top of the sum's own error.
 */
function boundOf(plan: OperationPlan, terms: number, magnitude: ArrayLike<number>): Float64Array {
  const bound = summationBound(terms, magnitude);
  if (!plan.steps.some(({ kernel }) => kernel.name === 'winograd_input')) return bound;
  return bound.fill(8 * bound.reduce((largest, value) => Math.max(largest, value), 0));
}

describe.each(Object.entries(shapes))('%s', (name, shape) => {
  const { groupIn, groupOut, batch, outHeight, outWidth } = checkConvolution(name, shape);
  const taps = shape.kernel[0] * shape.kernel[1];

  it.each<Adjust>(['none', 'output', 'input'])('forward, adjust %s', async (adjust) => {
    const one = randomCase(shape, adjust, false, 7);
    const expected = expectedValues(one).y!;
    const magnitude = convolutionMagnitude(referenceOperands(one)).y;
    const inputs: Record<string, Values> = { input: one.input, filter: one.filter };
    if (one.adjust) inputs.adjust = one.adjust;
    const plans = plansInForms((traits) => planConvolution(shape, { adjust, constantFilter: true }, traits));
    expect(plans.length).toBeGreaterThan(1);
    for (const [form, plan] of plans) {
      const result = await runPlan(device, plan, inputs);
      const bound = boundOf(plan, taps * groupIn + 8, magnitude);
      expectClose(result.floats('output'), expected, bound, `${name} forward ${adjust} ${form}`);
    }
  });

  it('gradients', async () => {
    const one = randomCase(shape, 'none', false, 8);
    const expected = expectedValues(one);
    const magnitude = convolutionBackwardMagnitude(referenceOperands(one));
    const toInput = plansInForms((traits) => planConvolutionInputGradient(shape, {}, traits));
    for (const [form, plan] of toInput) {
      const result = await runPlan(device, plan, { gradient: one.gradient, filter: one.filter });
      const bound = boundOf(plan, taps * groupOut + 1, magnitude.dx);
      expectClose(result.floats('output'), expected.dx!, bound, `${name} input gradient ${form}`);
    }
    const toFilter = plansInForms((traits) => planConvolutionFilterGradient(shape, {}, traits));
    for (const [form, plan] of toFilter) {
      const result = await runPlan(device, plan, { input: one.input, gradient: one.gradient });
      const bound = summationBound(batch * outHeight * outWidth + 1, magnitude.dFilter);
      expectClose(result.floats('output'), expected.dw!, bound, `${name} filter gradient ${form}`);
    }
  });
});

it('stores the window sums of a Winograd convolution', async () => {
  const shape = shapes['odd sizes over images']!;
  for (const adjust of ['output', 'input'] as const) {
    const one = randomCase(shape, adjust, false, 9);
    const inputs = { input: one.input, filter: one.filter, adjust: one.adjust! };
    const options = { adjust, storeSums: true };
    const [winograd, naive] = (['winograd', 'naive'] as const).map((family) =>
      planConvolution(shape, { ...options, family }, deviceTraits(device)),
    );
    const sums = (await runPlan(device, winograd!, inputs)).floats('windowSums');
    const expected = (await runPlan(device, naive!, inputs)).floats('windowSums');
    expectClose(sums, expected, 45 * 2 ** -24 * 45, `window sums ${adjust}`);
  }
});
