import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { checkConvolution } from '../../src/ops/convolution/shape.js';
import type { FormRequest, RankedForm } from '../../src/ops/forms.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { convolutionMagnitude } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan, type Values } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { adjustOperand, expectedValues, randomCase, referenceOperands } from './convolutionCase.js';
import { boundOf, formShapes, plansInForms } from './formsCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

describe.each(Object.entries(formShapes))('%s', (name, shape) => {
  const { groupIn } = checkConvolution(name, shape);
  const taps = shape.kernel[0] * shape.kernel[1];

  it.each<[Adjust, boolean]>([
    ['none', false],
    ['output', false],
    ['input', false],
    ['output', true],
    ['input', true],
  ])('forward, adjust %s, offset %s', async (adjust, offset) => {
    const one = randomCase(shape, adjust, false, 7, offset);
    const expected = expectedValues(one).y!;
    const magnitude = convolutionMagnitude(referenceOperands(one)).y;
    const inputs: Record<string, Values> = { input: one.input, filter: one.filter, ...adjustOperand(one) };
    const options = { adjust, offset, constantFilter: true };
    const plans = plansInForms(device, (traits) => planConvolution(shape, options, traits));
    expect(plans.length).toBeGreaterThan(1);
    for (const [form, plan] of plans) {
      const result = await runPlan(device, plan, inputs);
      const bound = boundOf(plan, taps * groupIn + 8, magnitude);
      expectClose(result.floats('output'), expected, bound, `${name} forward ${adjust} ${form}`);
    }
  });
});

describe('window sums', () => {
  // More pixels than lanes, and several blocks of channels.
  const shape = { ...formShapes['odd sizes over images']!, inWidth: 23, inChannels: 24, outChannels: 160 };

  it.each([
    ['subgroup', 'with the convolution'],
    ['winograd', 'with the convolution'],
    ['winograd', 'ahead of it'],
  ] as const)('%s, %s', async (family, when) => {
    const own = deviceTraits(device);
    for (const adjust of ['output', 'input'] as const) {
      const one = randomCase(shape, adjust, false, 11);
      const inputs = { input: one.input, filter: one.filter, adjust: one.adjust! };
      const planned = (given: DeviceTraits) => planConvolution(shape, { adjust, storeSums: true }, given);
      const choose = ({ forms, operation }: FormRequest) => {
        const wanted = (form: RankedForm) => form.family === 'subgroup' && form.tile.pixels! > own.subgroup!;
        const product = [...forms].filter(wanted).sort((a, b) => a.body - b.body)[0]!;
        return operation === 'winogradProduct' || family === 'subgroup'
          ? product
          : forms.find((form) => form.family === family)!;
      };
      const plan = planned({
        ...own,
        textures: false,
        software: when === 'ahead of it',
        choose,
      });
      const separate = plan.steps.some(({ kernel }) => kernel.name === 'pixel_sums');
      expect(separate).toBe(when === 'ahead of it' && own.subgroup === 4);
      const naive = planned({ ...own, choose: ({ forms }) => forms.find((form) => form.family === 'naive')! });
      const [result, expected] = await Promise.all([plan, naive].map((each) => runPlan(device, each, inputs)));
      const bound = boundOf(plan, 9 * 24 + 8, convolutionMagnitude(referenceOperands(one)).y);
      expectClose(result!.floats('output'), expected!.floats('output'), bound, `output ${adjust}`);
      const sums = [result!, expected!].map((outputs) => outputs.floats('windowSums'));
      expectClose(sums[0]!, sums[1]!, 9 * 24 * 2 ** -24 * 9 * 24, `window sums ${adjust}`);
    }
  });
});

it('stores the window sums of a Winograd convolution', async () => {
  const shape = formShapes['odd sizes over images']!;
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
