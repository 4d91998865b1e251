import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planDense } from '../../src/ops/dense.js';
import type { RankedForm } from '../../src/ops/forms.js';
import { planImageToTensor } from '../../src/ops/image.js';
import { compilePlan } from '../../src/ops/plan.js';
import type { DeviceTraits } from '../../src/ops/traits.js';
import { nullDevice } from '../support/nullDevice.js';

/* Whether the float16 texts are valid, on a device that checks them and runs none. */
let device: GPUDevice;
let close: () => void;

beforeAll(async () => {
  ({ device, close } = await nullDevice());
});

afterAll(() => close());

const shape = {
  batch: 2,
  inHeight: 6,
  inWidth: 7,
  inChannels: 8,
  outChannels: 16,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
} as const;
const everything = { bias: true, scaleShift: true, residual: true, relu: true, precision: 'float16' } as const;

/** Forms of a family that differ in their texts: the smallest of each kind. */
const kindOf = ({ family, tile }: RankedForm): string =>
  [family, tile.half, tile.read, tile.fold, tile.edge, tile.splits !== undefined && tile.splits > 1].join();

describe.each([4, 8, 32])('with subgroups of %i', (subgroup) => {
  it.each([
    ['vectors', shape],
    ['single channels', { ...shape, inChannels: 3, outChannels: 5 }],
    ['pairs', { ...shape, inChannels: 6, outChannels: 10 }],
    ['groups', { ...shape, groups: 4 }],
    ['a filter for each channel', { ...shape, outChannels: 8, groups: 8 }],
  ])('convolutions of %s are valid in every form', async (_, shape) => {
    const seen = new Map<string, RankedForm>();
    const look: DeviceTraits = {
      subgroup,
      choose: ({ forms, operation }) => {
        for (const form of forms) {
          const kind = `${operation} ${kindOf(form)}`;
          if (form.body < (seen.get(kind)?.body ?? Number.POSITIVE_INFINITY)) seen.set(kind, form);
        }
        return forms.find(({ family }) => family === 'winograd') ?? forms[0]!;
      },
    };
    planConvolution(shape, { ...everything, adjust: 'output' }, look);
    expect(seen.size).toBeGreaterThan(3);
    for (const adjust of ['none', 'output', 'input'] as const) {
      for (const [kind, form] of seen) {
        const product = kind.startsWith('winogradProduct');
        const choose: DeviceTraits['choose'] = ({ forms, operation }) => {
          if (operation === 'winogradProduct') return product ? form : forms[0]!;
          return product ? forms.find(({ family }) => family === 'winograd')! : form;
        };
        const plan = planConvolution(shape, { ...everything, adjust }, { subgroup, choose });
        await compilePlan(device, plan);
      }
    }
  });
});

it('dense layers that leave float32 are valid', async () => {
  const options = { bias: true, precision: 'float16', outputPrecision: 'float32' } as const;
  for (const outFeatures of [10, 16]) {
    await compilePlan(device, planDense({ batch: 3, inFeatures: 12, outFeatures }, options, { subgroup: 32 }));
  }
});

it('pictures and frames that become float16 are valid', async () => {
  const image = { imageWidth: 5, imageHeight: 4, width: 3, height: 2, channels: 3 } as const;
  for (const source of ['texture', 'external'] as const) {
    await compilePlan(device, planImageToTensor(image, { source, precision: 'float16' }));
  }
});
