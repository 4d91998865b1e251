import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { checkConvolution } from '../../src/ops/convolution.js';
import { planConvolution } from '../../src/ops/convolutionForward.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { convolutionMagnitude } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan, type Values } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { expectedValues, randomCase, referenceOperands } from './convolutionCase.js';
import { boundOf, formShapes, plansInForms } from './formsCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

describe.each(Object.entries(formShapes))('%s', (name, shape) => {
  const { groupIn } = checkConvolution(name, shape);
  const taps = shape.kernel[0] * shape.kernel[1];

  it.each<Adjust>(['none', 'output', 'input'])('forward, adjust %s', async (adjust) => {
    const one = randomCase(shape, adjust, false, 7);
    const expected = expectedValues(one).y!;
    const magnitude = convolutionMagnitude(referenceOperands(one)).y;
    const inputs: Record<string, Values> = { input: one.input, filter: one.filter };
    if (one.adjust) inputs.adjust = one.adjust;
    const plans = plansInForms(device, (traits) => planConvolution(shape, { adjust, constantFilter: true }, traits));
    expect(plans.length).toBeGreaterThan(1);
    for (const [form, plan] of plans) {
      const result = await runPlan(device, plan, inputs);
      const bound = boundOf(plan, taps * groupIn + 8, magnitude);
      expectClose(result.floats('output'), expected, bound, `${name} forward ${adjust} ${form}`);
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
