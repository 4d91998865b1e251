import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import { productTiles } from '../../src/ops/convolution/tileProduct.js';
import type { Form, FormRequest } from '../../src/ops/forms.js';
import { convolutionBackwardMagnitude, convolutionBackwardReference } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { randomCase, referenceOperands } from './convolutionCase.js';
import { oddShapes, onePixel } from './productShapes.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

async function expectGradient(shape: CompleteConvolution, form: Form, seed: number): Promise<void> {
  const plan = planConvolutionFilterGradient(shape, {}, { choose: () => form });
  const one = randomCase(shape, 'none', false, seed);
  const result = await runPlan(device, plan, { input: one.input, gradient: one.gradient });
  const operands = referenceOperands(one);
  const { batch, outHeight, outWidth } = checkConvolution('gradient', shape);
  const bound = summationBound(batch * outHeight * outWidth + 1, convolutionBackwardMagnitude(operands).dFilter);
  const what = `${form.family} ${JSON.stringify(form.tile)} ${JSON.stringify(shape)}`;
  expectClose(result.floats('output'), convolutionBackwardReference(operands).dFilter, bound, what);
}

/** Every tile; the largest steps compile for seconds on some adapters. */
const tiles = productTiles(1000, 1000, false).map((tile, index) => {
  const form: Form = { family: 'tiled', tile: { ...tile, half: 0, slicePixels: 2 * tile.blockDepth } };
  return [`${tile.blockRows}x${tile.blockColumns}x${tile.blockDepth}`, form, tile, index] as const;
});

describe('tiles', () => {
  it.each(tiles)('%s with blocks and steps half empty, and slices', async (_, form, tile, index) => {
    const shape = { ...onePixel, inWidth: 5 * tile.blockDepth + 3, outChannels: tile.blockColumns + 2 };
    await expectGradient({ ...shape, inChannels: tile.blockRows + (index % 2 === 0 ? 4 : 3) }, form, 100 + index);
  });
});

const small: Form = {
  family: 'tiled',
  tile: { blockRows: 64, blockColumns: 16, blockDepth: 8, threadRows: 4, threadColumns: 4, half: 0, slicePixels: 16 },
};

const shapes: Readonly<Record<string, CompleteConvolution>> = {
  ...oddShapes,
  'rows of one pixel': { ...onePixel, batch: 2, inHeight: 23, inChannels: 6, outChannels: 9, kernel: [3, 1] },
  'a stem': {
    ...onePixel,
    batch: 2,
    inHeight: 16,
    inWidth: 15,
    inChannels: 3,
    outChannels: 20,
    kernel: [7, 7],
    stride: [2, 2],
    padding: [3, 3],
  },
};

describe.each(Object.entries(shapes))('%s', (_, shape) => {
  it('by tiles', () => expectGradient(shape, small, 200));
});

const grouped: Readonly<Record<string, CompleteConvolution>> = {
  'groups of vectors': {
    ...onePixel,
    batch: 2,
    inHeight: 6,
    inWidth: 5,
    inChannels: 16,
    outChannels: 8,
    groups: 2,
    kernel: [3, 3],
    padding: [1, 1],
  },
  'groups of odd sizes': {
    ...onePixel,
    batch: 2,
    inHeight: 7,
    inWidth: 9,
    inChannels: 9,
    outChannels: 15,
    groups: 3,
    kernel: [3, 2],
  },
  'strided and dilated': {
    ...onePixel,
    batch: 2,
    inHeight: 12,
    inWidth: 11,
    inChannels: 8,
    outChannels: 12,
    groups: 4,
    kernel: [2, 3],
    stride: [2, 3],
    padding: [2, 3],
    dilation: [1, 2],
  },
  pointwise: { ...onePixel, inHeight: 4, inWidth: 6, inChannels: 12, outChannels: 24, groups: 6 },
};

describe.each(Object.entries(grouped))('%s', (_, shape) => {
  it('by tiles', () => expectGradient(shape, small, 300));

  it.each([1, 3, 5])('by threads of %i pixels a step', (pixels) =>
    expectGradient(shape, { family: 'grouped', tile: { pixels, sliceRows: 3 } }, 400));
});

it('offers the kernel of few channels, in groups or not, and no other', () => {
  const families = (shape: CompleteConvolution) => {
    let request: FormRequest | undefined;
    const choose = (asked: FormRequest) => {
      request = asked;
      return asked.forms[0]!;
    };
    planConvolutionFilterGradient(shape, {}, { choose });
    return request!.forms.map(({ family }) => family);
  };
  expect(families(grouped.pointwise!)).toContain('grouped');
  expect(families(shapes.strides!)).toContain('grouped');
  expect(families({ ...onePixel, inChannels: 65, outChannels: 8 })).not.toContain('grouped');
  expect(families({ ...onePixel, inChannels: 132, outChannels: 132, groups: 2 })).not.toContain('grouped');
});
