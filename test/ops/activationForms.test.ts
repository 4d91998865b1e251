import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activationFunctions } from '../../src/ops/activationFunctions.js';
import { activationOf, planActivation } from '../../src/ops/activations.js';
import { planBatchNormInference } from '../../src/ops/batchNorm.js';
import { type ConvolutionOptions, planConvolution } from '../../src/ops/convolution/forward.js';
import { checkConvolution } from '../../src/ops/convolution/shape.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import { planAdd } from '../../src/ops/pointwise.js';
import { planPrelu } from '../../src/ops/prelu.js';
import { activationReference, preluReference } from '../reference/activations.js';
import { convolutionMagnitude, convolutionReference } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { directTraits } from '../support/directTraits.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { activationError } from './activationError.js';
import { randomCase, referenceOperands } from './convolutionCase.js';
import { boundOf, formShapes, plansInForms } from './formsCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const shapes = [
  'odd sizes over images',
  'prime channels',
  'wide pointwise',
  'depthwise over images',
  'groups and dilation',
];

/** Tiles whose reduction is split in two. */
const splitForm: ChooseForm = ({ forms }) => {
  const { family, tile } = forms.find((form) => form.family === 'tiled' && form.tile.blockDepth === 4)!;
  return { family, tile: { ...tile, splits: 2 } };
};

/** What steep functions make of an error: the largest slope. */
const steepest = 1.2;

describe.each(shapes)('%s', (name) => {
  const shape = formShapes[name]!;
  const { groupIn, outputBytes } = checkConvolution(name, shape);
  const terms = shape.kernel[0] * shape.kernel[1] * groupIn + 8;
  const one = randomCase(shape, 'none', true, 17);
  const slopes = randomArray(shape.outChannels, 18, -0.5, 1);
  const residual = randomArray(outputBytes / 4, 19);
  const operands = referenceOperands(one);
  const z = convolutionReference(operands).y.map((value, i) => value + residual[i]!);
  const magnitude = convolutionMagnitude(operands).y.map((value, i) => value + Math.abs(residual[i]!));
  const inputs = { input: one.input, filter: one.filter, bias: one.bias!, residual };

  async function expectInForms(options: ConvolutionOptions, given: object, expected: Float64Array, own: Float64Array) {
    const all = { bias: true, residual: true, constantFilter: true, ...options };
    const plans = plansInForms(device, (traits) => planConvolution(shape, all, traits));
    plans.push(['split', planConvolution(shape, all, { ...directTraits(device), choose: splitForm })]);
    expect(plans.length).toBeGreaterThan(2);
    for (const [form, plan] of plans) {
      const result = await runPlan(device, plan, { ...inputs, ...given });
      const bound = boundOf(plan, terms, magnitude).map((value, i) => steepest * value + own[i]!);
      expectClose(result.floats('output'), expected, bound, `${name} ${form} ${JSON.stringify(options)}`);
    }
  }

  it('ends in a SiLU in every form', async () => {
    const expected = z.map(activationReference('silu').value);
    const own = z.map(activationError('silu').value);
    await expectInForms({ activation: activationOf('silu') }, {}, expected, own);
  });

  it('ends in slopes of its channels in every form', async () => {
    await expectInForms({ slopes: true }, { slopes }, preluReference(z, slopes), new Float64Array(z.length));
  });

  it('gives the bits of what stands apart', async () => {
    const traits = directTraits(device);
    const plain = planConvolution(shape, { bias: true, residual: true, family: 'naive' }, traits);
    const before = (await runPlan(device, plain, inputs)).floats('output');
    for (const named of activationFunctions) {
      const options = { bias: true, residual: true, family: 'naive', activation: activationOf(named) } as const;
      const fused = await runPlan(device, planConvolution(shape, options, traits), inputs);
      const apart = await runPlan(device, planActivation(before.length, named), { input: before });
      expect(fused.integers('output'), named).toEqual(apart.integers('output'));
    }
    const options = { bias: true, residual: true, family: 'naive', slopes: true } as const;
    const fused = await runPlan(device, planConvolution(shape, options, traits), { ...inputs, slopes });
    const pixels = before.length / shape.outChannels;
    const plan = planPrelu({ pixels, channels: shape.outChannels });
    const apart = await runPlan(device, plan, { input: before, slope: slopes });
    expect(fused.integers('output')).toEqual(apart.integers('output'));
  });
});

describe.each(activationFunctions)('%s', (name) => {
  const reference = activationReference(name);
  const bounds = activationError(name);
  const activation = activationOf(name, name === 'leakyRelu' ? { slope: 0.3 } : {});
  const value = name === 'leakyRelu' ? activationReference(name, 0.3).value : reference.value;

  it('ends sums and batch norms', async () => {
    const [pixels, channels] = [13, 6];
    const left = randomArray(pixels * channels, 1, -4, 4);
    const right = randomArray(pixels * channels, 2, -4, 4);
    const scaleShift = randomArray(2 * channels, 3, -2, 2);
    const bound = (magnitude: Float64Array, at: Float64Array) =>
      magnitude.map((size, i) => 3 * 2 ** -23 * size + bounds.value(at[i]!));
    const sum = Float64Array.from(left, (one, i) => one + right[i]!);
    const sums = Float64Array.from(left, (one, i) => Math.abs(one) + Math.abs(right[i]!));
    const added = await runPlan(device, planAdd(left.length, { activation }), { left, right });
    expectClose(added.floats('output'), sum.map(value), bound(sums, sum), `${name} behind a sum`);

    const norm = Float64Array.from(left, (one, i) => {
      return one * scaleShift[i % channels]! + scaleShift[channels + (i % channels)]! + right[i]!;
    });
    const norms = Float64Array.from(left, (one, i) => Math.abs(one * 2) + 2 + Math.abs(right[i]!));
    const plan = planBatchNormInference({ pixels, channels }, { residual: true, activation });
    const result = await runPlan(device, plan, { input: left, residual: right, scaleShift });
    expectClose(result.floats('output'), norm.map(value), bound(norms, norm), `${name} behind a norm`);
  });
});

it('refuses what does not go together', () => {
  const shape = formShapes['prime channels']!;
  const activation = activationOf('silu');
  const refusal = (options: ConvolutionOptions): unknown => {
    try {
      planConvolution(shape, options, {});
    } catch (error) {
      return error;
    }
    return undefined;
  };
  expect(refusal({ relu: true, activation })).toMatchObject({ parameter: 'activation', expected: 'none beside relu' });
  expect(refusal({ maximum: 6, activation })).toMatchObject({ parameter: 'maximum', expected: 'none without relu' });
  for (const options of [{ relu: true }, { activation }, { adjust: 'output' }] as const) {
    expect(refusal({ slopes: true, ...options })).toMatchObject({ parameter: 'slopes' });
  }
});
