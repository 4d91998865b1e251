import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import type { FormRequest, RankedForm } from '../../src/ops/forms.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { summationBound } from '../support/tolerance.js';

const base = { batch: 1, kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
const pointwise = { kernel: [1, 1], padding: [0, 0] } as const;

/** Sizes below, at and above what tiles cover: rows across images, channels with lanes to spare, strides, groups. */
export const formShapes: Readonly<Record<string, CompleteConvolution>> = {
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
  'padding to the same size': {
    ...base,
    batch: 2,
    inHeight: 6,
    inWidth: 9,
    inChannels: 7,
    outChannels: 12,
    kernel: [4, 3],
    stride: [1, 2],
    padding: [1, 0, 2, 1],
  },
  'four sides, 3x3': {
    ...base,
    batch: 2,
    inHeight: 5,
    inWidth: 6,
    inChannels: 8,
    outChannels: 20,
    padding: [0, 2, 3, 1],
  },
  'depthwise, four sides': {
    ...base,
    batch: 2,
    inHeight: 7,
    inWidth: 10,
    inChannels: 6,
    outChannels: 6,
    groups: 6,
    kernel: [3, 5],
    stride: [2, 2],
    padding: [0, 1, 1, 2],
  },
  'pointwise, padding behind': {
    ...base,
    inHeight: 4,
    inWidth: 5,
    inChannels: 12,
    outChannels: 20,
    kernel: [1, 1],
    padding: [0, 0, 1, 2],
  },
  'four sides, more than the filter': {
    ...base,
    inHeight: 5,
    inWidth: 7,
    inChannels: 3,
    outChannels: 8,
    kernel: [2, 3],
    stride: [2, 1],
    padding: [3, 0, 1, 4],
    dilation: [1, 2],
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

/** A family, and how it loads; textures.test.ts has what reads textures. */
const kindOf = ({ family, tile: { read = 1, fold = 1 } }: RankedForm): string => `${family} ${read} ${fold}`;

/**
 * Every family and way of loading, and two tiles from the whole range of each, one of them with shared pipelines: compiling all of them would take hours, and
 * drivers with wide subgroups take seconds for the larger ones.
 */
function spread(forms: readonly RankedForm[], largestBody: number): RankedForm[] {
  const count = 2;
  const quick = forms.filter(({ body, family }) => body <= largestBody || family === 'winograd');
  const kinds = [...new Set(quick.map(kindOf))];
  return kinds.flatMap((kind) => {
    const own = quick.filter((form) => kindOf(form) === kind);
    const step = Math.max(1, Math.floor(own.length / count));
    const picked = own.filter((_, index) => index % step === 0).slice(0, count);
    return picked.map((form, index) => ({ ...form, shared: index > 0 }));
  });
}

/** Of the forms that tests compile. */
export const largestBodyFor = (subgroup = 0): number => (subgroup > 4 ? 60 : 120);

/** Plans in every form that `spread` picks. */
export function plansInForms(
  device: GPUDevice,
  plan: (traits: DeviceTraits) => OperationPlan,
): [string, OperationPlan][] {
  let request: FormRequest | undefined;
  const traits = deviceTraits(device);
  const note = (asked: FormRequest) => {
    if (asked.operation !== 'winogradProduct') request = asked;
    return asked.forms[0]!;
  };
  plan({ ...traits, choose: note });
  const largestBody = largestBodyFor(traits.subgroup);
  return spread(request!.forms, largestBody).map((form) => {
    const words = `${form.family} ${JSON.stringify(form.tile)}`;
    const choose = (asked: FormRequest) =>
      asked.operation === 'winogradProduct' ? asked.forms.find(({ body }) => body <= largestBody)! : form;
    return [words, plan({ ...traits, choose })];
  });
}

/**
 * Winograd's transforms multiply values by up to 8 and bring in those of the whole tile; F(4x4) loses about one digit on
 * top of the sum's own error.
 */
export function boundOf(plan: OperationPlan, terms: number, magnitude: ArrayLike<number>): Float64Array {
  const bound = summationBound(terms, magnitude);
  if (!plan.steps.some(({ kernel }) => kernel.name === 'winograd_input')) return bound;
  return bound.fill(8 * bound.reduce((largest, value) => Math.max(largest, value), 0));
}
