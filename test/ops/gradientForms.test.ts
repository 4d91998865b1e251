import { afterAll, beforeAll, describe, it } from 'vitest';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { checkConvolution } from '../../src/ops/convolution/shape.js';
import { convolutionBackwardMagnitude } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { expectedValues, randomCase, referenceOperands } from './convolutionCase.js';
import { boundOf, formShapes, plansInForms } from './formsCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

describe.each(Object.entries(formShapes))('%s', (name, shape) => {
  const { groupOut, batch, outHeight, outWidth } = checkConvolution(name, shape);
  const taps = shape.kernel[0] * shape.kernel[1];

  it('gradients', async () => {
    const one = randomCase(shape, 'none', false, 8);
    const expected = expectedValues(one);
    const magnitude = convolutionBackwardMagnitude(referenceOperands(one));
    const toInput = plansInForms(device, (traits) => planConvolutionInputGradient(shape, {}, traits));
    for (const [form, plan] of toInput) {
      const result = await runPlan(device, plan, { gradient: one.gradient, filter: one.filter });
      const bound = boundOf(plan, taps * groupOut + 1, magnitude.dx);
      expectClose(result.floats('output'), expected.dx!, bound, `${name} input gradient ${form}`);
    }
    const toFilter = plansInForms(device, (traits) => planConvolutionFilterGradient(shape, {}, traits));
    for (const [form, plan] of toFilter) {
      const result = await runPlan(device, plan, { input: one.input, gradient: one.gradient });
      const bound = summationBound(batch * outHeight * outWidth + 1, magnitude.dFilter);
      expectClose(result.floats('output'), expected.dw!, bound, `${name} filter gradient ${form}`);
    }
  });
});
