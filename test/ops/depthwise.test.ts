import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/errors.js';
import type { Adjust, Pair, Sides } from '../../src/graph/network.js';
import { chooseByCost } from '../../src/ops/choose.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { FormRequest } from '../../src/ops/forms.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { awayFromKink, expectConvolution, randomCase } from './convolutionCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

function depthwise(channels: number, changes: Partial<CompleteConvolution>): CompleteConvolution {
  return {
    batch: 1,
    inHeight: 6,
    inWidth: 7,
    inChannels: channels,
    outChannels: channels,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: channels,
    ...changes,
  };
}

const shapes: Readonly<Record<string, CompleteConvolution>> = {
  'vectors of 4': depthwise(8, { batch: 2 }),
  'vectors of 2, stride 2': depthwise(6, { stride: [2, 2], inHeight: 7 }),
  'one by one, 5x5': depthwise(5, { kernel: [5, 5], padding: [2, 2] }),
  'a stride longer than the filter': depthwise(4, { kernel: [2, 2], stride: [3, 4], padding: [0, 1] }),
};

describe.each(Object.entries(shapes))('%s', (what, shape) => {
  it.each<[Adjust, boolean]>([
    ['none', false],
    ['output', false],
    ['input', false],
    ['output', true],
    ['input', true],
  ])('forward and backward, adjust %s, offset %s', async (mode, offset) => {
    const { smooth, zeroed } = awayFromKink(randomCase(shape, mode, true, 5, offset));
    expect(zeroed).toBeLessThan(smooth.gradient.length / 20);
    await expectConvolution(device, smooth, `depthwise, ${what}, ${mode} ${offset}`, { family: 'depthwise' });
  });
});

const axis = fc.record({
  size: fc.integer({ min: 1, max: 12 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.nat(4),
  after: fc.nat(4),
  dilation: fc.integer({ min: 1, max: 2 }),
});

it('random windows', async () => {
  const random = fc
    .record({
      batch: fc.integer({ min: 1, max: 3 }),
      channels: fc.constantFrom(2, 3, 4, 6, 8),
      down: axis,
      along: axis,
    })
    .map(({ batch, channels, down, along }) => {
      const pair = (name: keyof typeof down): Pair => [down[name], along[name]];
      const sizes = {
        kernel: pair('kernel'),
        stride: pair('stride'),
        padding: [down.padding, along.padding, down.after, along.after] as Sides,
        dilation: pair('dilation'),
      };
      return depthwise(channels, { batch, inHeight: down.size, inWidth: along.size, ...sizes });
    })
    .filter(({ inHeight, inWidth, kernel, padding: [top, left, bottom = top, right = left], dilation }) =>
      [inHeight + top + bottom, inWidth + left + right].every(
        (padded, at) => dilation[at]! * (kernel[at]! - 1) < padded,
      ),
    );
  await fc.assert(
    fc.asyncProperty(
      random,
      fc.constantFrom<Adjust>('none', 'output', 'input'),
      fc.nat(1e6),
      async (shape, mode, seed) => {
        const { smooth } = awayFromKink(randomCase(shape, mode, false, seed));
        await expectConvolution(device, smooth, 'random depthwise', { family: 'depthwise' });
      },
    ),
    { numRuns: 12 },
  );
});

describe('the depthwise family', () => {
  const mobileNet = depthwise(96, { inHeight: 28, inWidth: 28 });
  const chosenFamilies = (shape: CompleteConvolution, traits: Parameters<typeof planConvolution>[2]): string[] => {
    const families: string[] = [];
    const choose = (request: FormRequest) => {
      const form = chooseByCost(request);
      families.push(form.family);
      return form;
    };
    planConvolution(shape, {}, { ...traits, choose });
    planConvolutionInputGradient(shape, {}, { ...traits, choose });
    planConvolutionFilterGradient(shape, {}, { ...traits, choose });
    return families;
  };

  it.each([
    ['this device', undefined],
    ['a processor with eight lanes', { software: true, subgroup: 8 }],
    ['a GPU', { software: false, subgroup: 32 }],
    ['a GPU of unknown subgroups', { software: false }],
  ])('is the cost model’s choice on %s', (_, traits) => {
    for (const shape of [
      mobileNet,
      depthwise(960, { inHeight: 7, inWidth: 7 }),
      depthwise(144, { inHeight: 56, inWidth: 56, stride: [2, 2] }),
    ]) {
      const families = chosenFamilies(shape, traits ?? deviceTraits(device));
      expect(families).toEqual(['depthwise', 'depthwise', 'depthwise']);
    }
  });

  it('reads the filters as they are for the input gradient', () => {
    const plan = planConvolutionInputGradient(mobileNet, { family: 'depthwise' }, { subgroup: 8 });
    expect(plan.steps).toHaveLength(1);
    expect(Object.keys(plan.operands)).toEqual(['gradient', 'filter', 'output']);
  });

  it('splits the filter gradient into slices of bounded length', () => {
    const shape = depthwise(16, { batch: 8, inHeight: 56, inWidth: 56 });
    const plan = planConvolutionFilterGradient(shape, { family: 'depthwise' }, { software: true, subgroup: 4 });
    const { SLICE_ROWS } = plan.steps[0]!.constants as Record<string, number>;
    expect(SLICE_ROWS! * 56).toBeLessThanOrEqual(1024);
    const { filterBytes } = checkConvolution('slices', shape);
    expect(plan.operands.slices!.bytes % filterBytes).toBe(0);
    expect(plan.operands.slices!.bytes / filterBytes).toBeGreaterThan(20);
  });

  it.each([
    ['one group', { groups: 1 }],
    ['groups of two channels', { groups: 4 }],
    ['two filters a channel', { outChannels: 16 }],
  ])('refuses %s', (_, changes) => {
    const shape = depthwise(8, changes);
    for (const plan of [planConvolution, planConvolutionInputGradient, planConvolutionFilterGradient]) {
      expect(() => plan(shape, { family: 'depthwise' }, { subgroup: 8 })).toThrow(UnsupportedError);
    }
  });
});
