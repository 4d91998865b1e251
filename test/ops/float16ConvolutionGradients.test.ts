import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { checkConvolution } from '../../src/ops/convolution/shape.js';
import { planDenseInputGradient, planDenseWeightGradient } from '../../src/ops/denseGradient.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { deviceTraits } from '../../src/ops/traits.js';
import {
  convolutionBackwardMagnitude,
  convolutionBackwardReference,
  convolutionMagnitude,
  convolutionReference,
} from '../reference/convolution.js';
import { denseBackwardReference } from '../reference/dense.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { directTraits } from '../support/directTraits.js';
import { roundedToHalf, runHalf, storingBound } from '../support/float16.js';
import { propertySeed } from '../support/propertySeed.js';
import { randomArray } from '../support/random.js';
import type { Outputs, Values } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { adjustOperand, expectedValues, referenceOperands } from './convolutionCase.js';
import { convolutionShapes } from './convolutionShapes.js';
import { halfCase, sumError } from './float16Case.js';
import { formShapes, plansInForms } from './formsCase.js';

/* Gradients of convolutions on float16 in memory, in every form; what a device without float16 does with each is to refuse it. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const half = { precision: 'float16' } as const;

/** Holds a float16 output to its values, the error of its sums and that of storing it, and sees that nothing is noted. */
function expectStored(outputs: Outputs, expected: ArrayLike<number>, error: Float64Array, what: string): void {
  const stored = outputs.floats('output');
  const bound = storingBound(expected).map((value, i) => value + 1.001 * error[i]!);
  expectClose(stored.subarray(0, expected.length), expected, bound, what);
  expect(Number.isNaN(stored[expected.length] ?? Number.NaN)).toBe(true);
  expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
}

const inFloat32Tiles = ([form]: readonly [string, OperationPlan]): boolean => !form.includes('"half":1');

describe.each(Object.entries(formShapes))('%s', (name, shape) => {
  const { groupOut, batch, outHeight, outWidth } = checkConvolution(name, shape);
  const one = halfCase(shape, 'none', 8);
  const magnitude = convolutionBackwardMagnitude(referenceOperands(one));
  const terms = shape.kernel[0] * shape.kernel[1] * groupOut + 3;

  it('input gradients', async () => {
    const { dx } = expectedValues(one);
    const plans = plansInForms(device, (traits) => planConvolutionInputGradient(shape, half, traits));
    expect(plans.length).toBeGreaterThan(1);
    for (const [form, plan] of plans.filter(inFloat32Tiles)) {
      await runHalf(device, plan, { gradient: one.gradient, filter: one.filter }, (outputs) => {
        expectStored(outputs, dx, sumError(plan, terms, magnitude.dx), `${name} input gradient ${form}`);
      });
    }
  });

  it('input gradients of a unit, added to what is there', async () => {
    const { groups, inChannels, inHeight, inWidth } = shape;
    const windowSums = randomArray(batch * inHeight * inWidth * groups, 62);
    const adjust = randomArray(inChannels, 63);
    const before = roundedToHalf(randomArray(batch * inHeight * inWidth * inChannels, 61));
    const added = before.map((value, i) => {
      const c = i % inChannels;
      const group = Math.floor((c * groups) / inChannels);
      return value + adjust[c]! * windowSums[Math.floor(i / inChannels) * groups + group]!;
    });
    const expected = Float64Array.from(expectedValues(one).dx, (value, i) => value + added[i]!);
    const whole = magnitude.dx.map((value, i) => value + Math.abs(before[i]!) + Math.abs(added[i]! - before[i]!));
    const options = { windowSums: 'input', accumulate: true, ...half } as const;
    const plans = plansInForms(device, (traits) => planConvolutionInputGradient(shape, options, traits));
    // One of each family.
    const families = new Map(plans.filter(inFloat32Tiles).map(([form, plan]) => [form.split(' ')[0]!, plan]));
    for (const [family, plan] of families) {
      const inputs: Record<string, Values> = { gradient: one.gradient, filter: one.filter, windowSums, adjust };
      await runHalf(device, plan, { ...inputs, output: before }, (outputs) => {
        expectStored(outputs, expected, sumError(plan, terms, whole), `${name} added input gradient ${family}`);
      });
    }
  });

  it('filter gradients', async () => {
    const { dw } = expectedValues(one);
    const plans = plansInForms(device, (traits) => planConvolutionFilterGradient(shape, half, traits));
    expect(plans.length).toBeGreaterThan(1);
    for (const [form, plan] of plans.filter(inFloat32Tiles)) {
      await runHalf(device, plan, { input: one.input, gradient: one.gradient }, (outputs) => {
        const error = sumError(plan, batch * outHeight * outWidth + 1, magnitude.dFilter);
        expectClose(outputs.floats('output'), dw, error, `${name} filter gradient ${form}`);
      });
    }
  });
});

/* llvmpipe takes ten seconds to compile one. */
describe('tiles in float16, of', () => {
  it.each(['prime channels', 'groups and dilation'])('%s', async (name) => {
    const shape = formShapes[name]!;
    const one = halfCase(shape, 'none', 7);
    const magnitude = convolutionBackwardMagnitude(referenceOperands(one));
    const { dx, dw } = expectedValues(one);
    const { groupOut, batch, outHeight, outWidth } = checkConvolution(name, shape);
    const choose: ChooseForm = ({ forms }) => {
      const tiles = forms.filter(({ tile }) => tile.half === 1 && (tile.splits ?? 1) === 1);
      return tiles.reduce((smallest, form) => (form.body < smallest.body ? form : smallest));
    };
    const traits = { ...deviceTraits(device), choose };
    const toInput = planConvolutionInputGradient(shape, half, traits);
    await runHalf(device, toInput, { gradient: one.gradient, filter: one.filter }, (outputs) => {
      const error = sumError(toInput, 9 * groupOut + 1, magnitude.dx);
      expectStored(outputs, dx, error, `${name} input gradient in float16 tiles`);
    });
    const toFilter = planConvolutionFilterGradient(shape, half, traits);
    await runHalf(device, toFilter, { input: one.input, gradient: one.gradient }, (outputs) => {
      const error = sumError(toFilter, batch * outHeight * outWidth + 1, magnitude.dFilter);
      expectClose(outputs.floats('output'), dw, error, `${name} filter gradient in float16 tiles`);
    });
  });
});

describe('an input gradient that does not fit is noted', () => {
  const shape = formShapes['odd sizes over images']!;

  it.each(['plain', 'with window sums'])('%s', async (kind) => {
    const one = halfCase(shape, 'none', 9);
    const windowSums = new Float32Array(shape.batch * shape.inHeight * shape.inWidth);
    const unit = kind === 'plain' ? {} : ({ windowSums: 'output' } as const);
    const plans = plansInForms(device, (traits) => planConvolutionInputGradient(shape, { ...unit, ...half }, traits));
    for (const [form, plan] of plans.filter(inFloat32Tiles)) {
      for (const [largest, noted] of [
        [1, false],
        [60000, true],
      ] as const) {
        const gradient = one.gradient.map((value, i) => (i === 7 ? largest : value));
        const filter = one.filter.slice().fill(2);
        const inputs = { gradient, filter, ...(kind !== 'plain' && { windowSums }) };
        await runHalf(device, plan, inputs, (outputs) => {
          expect(outputs.integers('status')[0] !== 0, `${form} of ${largest}`).toBe(noted);
        });
      }
    }
  });
});

/* Of the naive family and the one that is chosen, as each shape is a kernel to compile. */
it('random convolutions, their window sums, and gradients', async () => {
  await fc.assert(
    fc.asyncProperty(convolutionShapes, async ({ shape, mode, offset, family, seed }) => {
      const one = halfCase(shape, mode, seed, offset);
      const traits = directTraits(device);
      const chosen = family === 'naive' ? ({ family, ...half } as const) : half;
      const geometry = checkConvolution('random', shape);
      const { batch, outHeight, outWidth, groupIn, groupOut } = geometry;
      const taps = shape.kernel[0] * shape.kernel[1];
      const ahead = referenceOperands(one);
      const unit = { adjust: mode, offset, storeSums: mode !== 'none' };
      const forward = planConvolution(shape, { ...unit, ...chosen }, traits);
      const inputs = { input: one.input, filter: one.filter, ...adjustOperand(one) };
      await runHalf(device, forward, inputs, (outputs) => {
        const error = sumError(forward, taps * groupIn + 8, convolutionMagnitude(ahead).y);
        const { y } = convolutionReference({ ...ahead, bias: undefined });
        expectStored(outputs, y, error, 'random forward');
        if (mode !== 'none') expect(outputs.floats('windowSums').every(Number.isFinite)).toBe(true);
      });
      const plain = { ...ahead, mode: 'none', adjust: undefined, offset: undefined, bias: undefined } as const;
      const { dx, dFilter } = convolutionBackwardReference(plain);
      const magnitude = convolutionBackwardMagnitude(plain);
      const toInput = planConvolutionInputGradient(shape, chosen, traits);
      await runHalf(device, toInput, { gradient: one.gradient, filter: one.filter }, (outputs) => {
        expectStored(outputs, dx, sumError(toInput, taps * groupOut + 1, magnitude.dx), 'random input gradient');
      });
      const toFilter = planConvolutionFilterGradient(shape, chosen, traits);
      await runHalf(device, toFilter, { input: one.input, gradient: one.gradient }, (outputs) => {
        const error = sumError(toFilter, batch * outHeight * outWidth + 1, magnitude.dFilter);
        expectClose(outputs.floats('output'), dFilter, error, 'random filter gradient');
      });
    }),
    { numRuns: device.features.has('shader-f16') ? 25 : 3, seed: propertySeed },
  );
});

it('dense layers', async () => {
  const shape = { batch: 5, inFeatures: 37, outFeatures: 11 };
  const input = roundedToHalf(randomArray(5 * 37, 1));
  const filter = roundedToHalf(randomArray(37 * 11, 2));
  const gradient = roundedToHalf(randomArray(5 * 11, 3));
  const operands = { x: input, weight: filter, inFeatures: 37, outFeatures: 11, dy: gradient };
  const { dx, dWeight } = denseBackwardReference(operands);
  const absolute = denseBackwardReference({
    ...operands,
    x: input.map(Math.abs),
    weight: filter.map(Math.abs),
    dy: gradient.map(Math.abs),
  });
  const toInput = planDenseInputGradient(shape, half, deviceTraits(device));
  await runHalf(device, toInput, { gradient, filter }, (outputs) => {
    expectStored(outputs, dx, sumError(toInput, 12, absolute.dx), 'dense input gradient');
  });
  const toWeight = planDenseWeightGradient(shape, deviceTraits(device), half);
  await runHalf(device, toWeight, { input, gradient }, (outputs) => {
    expectClose(outputs.floats('output'), dWeight, sumError(toWeight, 6, absolute.dWeight), 'dense weight gradient');
  });
});
