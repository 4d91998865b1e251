import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adjust, Padding } from '../../src/graph/network.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planIcUnitGradient } from '../../src/ops/convolution/icUnitGradient.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { FormRequest, RankedForm } from '../../src/ops/forms.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { forEachTap, type ImageShape } from '../reference/window.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { type Outputs, runPlan, type Values } from '../support/runPlan.js';
import { type ConvolutionCase, randomCase } from './convolutionCase.js';
import { largestBodyFor } from './formsCase.js';
import { notFinite, unique } from './notFinite.js';

/** What docs/numerics.md says of NaN and infinity in convolutions. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const base = { batch: 2, kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;

/** Widths that tiles do not divide, pixels under no window, windows in the padding. */
const shapes: Readonly<Record<string, CompleteConvolution>> = {
  'odd sizes': { ...base, inHeight: 5, inWidth: 7, inChannels: 5, outChannels: 6 },
  'no padding': { ...base, inHeight: 7, inWidth: 9, inChannels: 8, outChannels: 4, padding: [0, 0] },
  'more padding than filter': { ...base, inHeight: 3, inWidth: 5, inChannels: 4, outChannels: 4, padding: [3, 4] },
  'a stride longer than the filter': {
    ...{ ...base, inHeight: 7, inWidth: 14, inChannels: 4, outChannels: 4 },
    ...{ kernel: [2, 2], stride: [3, 4], padding: [0, 1] },
  },
  'groups, dilated, with columns left over': {
    ...{ ...base, inHeight: 6, inWidth: 12, inChannels: 6, outChannels: 10, groups: 2 },
    ...{ kernel: [2, 3], stride: [1, 2], padding: [1, 0], dilation: [2, 2] },
  },
  'four sides': { ...base, inHeight: 5, inWidth: 6, inChannels: 4, outChannels: 4, padding: [0, 2, 1, 0] },
  'an image': {
    ...{ ...base, inHeight: 6, inWidth: 12, inChannels: 3, outChannels: 8 },
    ...{ kernel: [3, 5], stride: [2, 2], padding: [1, 2] },
  },
  'depthwise, no padding': {
    ...{ ...base, inHeight: 5, inWidth: 9, inChannels: 4, outChannels: 4, groups: 4, padding: [0, 0] },
  },
  'depthwise, with columns left over': {
    ...{ ...base, inHeight: 5, inWidth: 14, inChannels: 3, outChannels: 3, groups: 3 },
    ...{ stride: [2, 3], padding: [1, 0] },
  },
  'depthwise, dilated': {
    ...{ ...base, inHeight: 6, inWidth: 11, inChannels: 2, outChannels: 2, groups: 2 },
    ...{ kernel: [3, 2], stride: [1, 3], dilation: [2, 3] },
  },
  'a dense layer': {
    ...{ ...base, batch: 1, inHeight: 1, inWidth: 7, inChannels: 13, outChannels: 9, kernel: [1, 1], padding: [0, 0] },
  },
};

type Tensor = 'input' | 'filter' | 'output';

/** A product that a convolution sums up, as the places of its factors in two tensors and of its sum in the third. */
type Product = Readonly<Record<Tensor, number>>;

/** All of them; the gradients sum up the same. */
function productsOf(shape: CompleteConvolution): Product[] {
  const { inChannels, outChannels, groupIn, groupOut } = checkConvolution('products', shape);
  const products: Product[] = [];
  forEachTap({ ...shape, shape: imageOf(shape, 'input') }, (tap, inputPixel, outputPixel) => {
    for (let k = 0; k < outChannels; k++) {
      for (let c = 0; c < groupIn; c++) {
        products.push({
          input: inputPixel * inChannels + Math.floor(k / groupOut) * groupIn + c,
          filter: (tap * groupIn + c) * outChannels + k,
          output: outputPixel * outChannels + k,
        });
      }
    }
  });
  return products;
}

function imageOf(shape: CompleteConvolution, tensor: 'input' | 'output'): ImageShape {
  const { batch, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels } = checkConvolution('image', shape);
  return tensor === 'input' ? [batch, inHeight, inWidth, inChannels] : [batch, outHeight, outWidth, outChannels];
}

/** A pass: the tensor that it sums up, and the operands whose elements it multiplies. */
interface Pass {
  readonly to: Tensor;
  readonly from: Readonly<Partial<Record<Tensor, keyof ConvolutionCase & string>>>;
  plan(shape: CompleteConvolution, adjust: Adjust, traits: DeviceTraits): OperationPlan;
}

const passes: Readonly<Record<string, Pass>> = {
  forward: {
    to: 'output',
    from: { input: 'input', filter: 'filter' },
    plan: (shape, adjust, traits) =>
      planConvolution(shape, { adjust, storeSums: adjust !== 'none', statistics: true }, traits),
  },
  'input gradient': {
    to: 'input',
    from: { output: 'gradient', filter: 'filter' },
    plan: (shape, _, traits) => planConvolutionInputGradient(shape, {}, traits),
  },
  'filter gradient': {
    to: 'filter',
    from: { input: 'input', output: 'gradient' },
    plan: (shape, _, traits) => planConvolutionFilterGradient(shape, {}, traits),
  },
};

/** What decides which lanes and pixels a form masks. */
function masksOf({ family, tile }: RankedForm, width: number): string[] {
  const { read, fold, textures, half, edge, taps = 1, rows = 1, chunks = 1, pixels = 1 } = tile;
  const blocks = pixels === 1 ? 'single pixels' : width % pixels === 0 ? 'whole blocks' : 'a part of a block left';
  const taken = { read, fold, textures, half, edge, rows: rows > 1, chunks: chunks > 1, taps: taps > 1, blocks };
  return Object.entries({ ...taken, 'taps and blocks': `${taps > 1} ${blocks}` }).map(([name, value]) => {
    return `${family} ${name} ${value}`;
  });
}

/** Plans of a pass in so many forms that every mask is there, the smallest first. */
function plansOf(pass: Pass, shape: CompleteConvolution, adjust: Adjust): [form: RankedForm, plan: OperationPlan][] {
  const traits = { ...deviceTraits(device), textures: true, half: device.features.has('shader-f16') };
  const bySize = ({ forms }: FormRequest) => [...forms].sort((a, b) => a.body - b.body);
  let forms: readonly RankedForm[] = [];
  const note = (request: FormRequest) => {
    if (request.operation !== 'winogradProduct') forms = bySize(request);
    return bySize(request)[0]!;
  };
  pass.plan(shape, adjust, { ...traits, choose: note });
  const width = imageOf(shape, pass.to === 'input' ? 'input' : 'output')[2];
  const seen = new Set<string>();
  const picked = forms.filter((form) => {
    const masks = masksOf(form, width);
    const brings = form.body <= largestBodyFor(traits.subgroup) && masks.some((mask) => !seen.has(mask));
    if (brings) for (const mask of masks) seen.add(mask);
    return brings;
  });
  return picked.map((form, index) => {
    const shared = index % 2 === 1;
    const choose = (request: FormRequest) =>
      request.operation === 'winogradProduct' ? bySize(request)[0]! : { ...form, shared };
    return [form, pass.plan(shape, adjust, { ...traits, choose })];
  });
}

/** Every column of a row and every row of a column of the last image, the channels in turn; of filters some. */
function placesOf(shape: CompleteConvolution, tensor: Tensor): number[] {
  if (tensor === 'filter') return [0, Math.floor(checkConvolution('filter', shape).filterBytes / 8)];
  const [batch, height, width, channels] = imageOf(shape, tensor);
  const across = Array.from({ length: width }, (_, column) => [Math.floor(height / 2), column]);
  const down = Array.from({ length: height }, (_, row) => [row, Math.floor(width / 2)]);
  return [...across, ...down].map(([row, column], i) => {
    return (((batch - 1) * height + row!) * width + column!) * channels + (i % channels);
  });
}

/** The outputs of a Winograd convolution whose tile's window has a place of its input in it. */
function inTile(
  shape: CompleteConvolution,
  to: 'input' | 'output',
  at: number,
  edge: number,
): (place: number) => boolean {
  const [height, width, inChannels] = imageOf(shape, to === 'output' ? 'input' : 'output').slice(1) as [
    number,
    number,
    number,
  ];
  const [, outHeight, outWidth, outChannels] = imageOf(shape, to);
  const padding: Padding = to === 'output' ? shape.padding : [2 - shape.padding[0], 2 - shape.padding[1]];
  const pixel = Math.floor(at / inChannels);
  return (place) => {
    const output = Math.floor(place / outChannels);
    const near = (position: number, of: number, axis: 0 | 1): boolean => {
      const inWindow = position - (Math.floor(of / edge) * edge - padding[axis]);
      return inWindow >= 0 && inWindow < edge + 2;
    };
    return (
      Math.floor(pixel / (height * width)) === Math.floor(output / (outHeight * outWidth)) &&
      near(Math.floor(pixel / width) % height, Math.floor(output / outWidth) % outHeight, 0) &&
      near(pixel % width, output % outWidth, 1)
    );
  };
}

/** Whether a value may reach a place with which it has no product. */
function mayReach(shape: CompleteConvolution, pass: Pass, from: Tensor, at: number, form: RankedForm) {
  const { groupIn, outChannels, inChannels, groupOut } = checkConvolution('reach', shape);
  if (form.family === 'naive') return () => false;
  // Padding is zeros that are multiplied: a weight meets every window of its filter, a gradient every tap.
  if (pass.to === 'filter' && from === 'output') return (place: number) => place % outChannels === at % outChannels;
  if (from === 'filter') {
    const k = at % outChannels;
    const c = Math.floor(k / groupOut) * groupIn + (Math.floor(at / outChannels) % groupIn);
    return (place: number) => (pass.to === 'output' ? place % outChannels === k : place % inChannels === c);
  }
  if (form.family === 'winograd') return inTile(shape, pass.to as 'input' | 'output', at, form.tile.edge!);
  return () => false;
}

const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** The window sums and the blocks' statistics hold what is not finite just where the outputs do. */
function expectBeside(
  shape: CompleteConvolution,
  adjust: Adjust,
  result: Outputs,
  reached: readonly number[],
  what: string,
) {
  const { outChannels, groupOut, groups } = checkConvolution('beside', shape);
  const channels = unique(reached.map((place) => place % outChannels));
  const noted = notFinite(result.floats('statistics')).map((place) => place % outChannels);
  expect(unique(noted), `statistics, ${what}`).toEqual(channels);
  if (adjust === 'none') return;
  const sums = reached.map((place) => {
    return Math.floor(place / outChannels) * groups + Math.floor((place % outChannels) / groupOut);
  });
  expect(notFinite(result.floats('windowSums')), `window sums, ${what}`).toEqual(unique(sums));
}

const named = Object.entries(shapes).map(([name, shape], index) => [name, shape, index] as const);

describe.each(named)('%s: a value that is not finite reaches its windows alone', (_, shape, index) => {
  const products = productsOf(shape);
  const cases = Object.entries(passes).flatMap(([name, pass]) => {
    const unit: Adjust = index % 2 === 0 ? 'output' : 'input';
    return (name === 'forward' ? (['none', unit] as const) : (['none'] as const)).map(
      (adjust) => [name, adjust, pass] as const,
    );
  });

  it.each(cases)('%s, adjust %s', async (passName, adjust, pass) => {
    const one = randomCase(shape, adjust, false, 3);
    const plans = plansOf(pass, shape, adjust);
    expect(plans.length).toBeGreaterThan(1);
    for (const [from, operand] of Object.entries(pass.from) as [Tensor, 'input' | 'filter' | 'gradient'][]) {
      if (adjust !== 'none' && from === 'filter') continue;
      for (const [index, at] of placesOf(shape, from).entries()) {
        const value = values[index % values.length]!;
        const own = unique(products.filter((product) => product[from] === at).map((product) => product[pass.to]));
        const names = Object.values(pass.from);
        const inputs = Object.fromEntries(names.map((name) => [name, one[name] as Values]));
        const spoilt = Float32Array.from(one[operand], (kept, i) => (i === at ? value : kept));
        for (const [form, plan] of plans) {
          const given = { ...inputs, [operand]: spoilt, ...(one.adjust && { adjust: one.adjust }) };
          const result = await runPlan(device, plan, given);
          const reached = notFinite(result.floats('output'));
          const allowed = mayReach(shape, pass, from, at, form);
          const has = new Set(own);
          const must = reached.filter((place) => has.has(place) || !allowed(place));
          const what = `${passName}, ${value} at ${at} of ${from}, ${form.family} ${JSON.stringify(form.tile)}`;
          expect(must, what).toEqual(own);
          if (from === 'input' && pass.to === 'output' && form.family !== 'winograd') {
            expectBeside(shape, adjust, result, reached, what);
          }
        }
      }
    }
  });
});

describe('the gradient of the IC unit', () => {
  const shape = shapes['groups, dilated, with columns left over']!;

  it.each([
    ['in groups', shape],
    ['depthwise', shapes['depthwise, with columns left over']!],
  ])('keeps what is not finite to its pixel, its filter and the pixels under the window, %s', async (_, given) => {
    const one = randomCase(given, 'output', false, 4);
    const { outChannels, groupOut, groupIn, groups, inChannels } = checkConvolution('unit', given);
    const forward = planConvolution(given, { adjust: 'output', storeSums: true }, deviceTraits(device));
    const ahead = await runPlan(device, forward, { input: one.input, filter: one.filter, adjust: one.adjust! });
    const output = ahead.floats('output');
    const windowSums = ahead.floats('windowSums');
    const plan = planIcUnitGradient(given, 'output');
    const run = (changes: Record<string, Values>) =>
      runPlan(device, plan, { gradient: one.gradient, output, windowSums, adjust: one.adjust!, ...changes });
    const sumPlace = (at: number): number => {
      return Math.floor(at / outChannels) * groups + Math.floor((at % outChannels) / groupOut);
    };
    const fires = Array.from(output, (y, at) => y > one.adjust![at % outChannels]! * windowSums[sumPlace(at)]!);
    expect(new Set(fires).size).toBe(2);
    const products = productsOf(given);
    for (const [index, at] of placesOf(given, 'output').entries()) {
      const value = values[index % values.length]!;
      const result = await run({ gradient: Float32Array.from(one.gradient, (kept, i) => (i === at ? value : kept)) });
      const under = products.filter((product) => product.output === at).map((product) => product.input);
      const sums = under.map((place) => {
        return Math.floor(place / inChannels) * groups + Math.floor((place % inChannels) / groupIn);
      });
      expect(notFinite(result.floats('zGradient'))).toEqual([at]);
      expect(notFinite(result.floats('adjustGradient'))).toEqual(fires[at] ? [at % outChannels] : []);
      expect(notFinite(result.floats('inputSums'))).toEqual(fires[at] ? unique(sums) : []);
    }
    // A unit whose window sum is NaN does not fire, but the sum is a factor of the gradient of its weights.
    const spoilt = await run({ windowSums: windowSums.map((kept, i) => (i === groups ? Number.NaN : kept)) });
    expect(notFinite(spoilt.floats('zGradient'))).toEqual([]);
    expect(notFinite(spoilt.floats('inputSums'))).toEqual([]);
    expect(notFinite(spoilt.floats('adjustGradient'))).toEqual(Array.from({ length: groupOut }, (_, k) => k));
  });
});
