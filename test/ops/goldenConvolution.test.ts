import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import type { Family } from '../../src/ops/forms.js';
import { loadGolden } from '../golden/load.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan } from '../support/runPlan.js';
import { expectConvolution } from './convolutionCase.js';
import { noteShares, printShares } from './convolutionShares.js';
import { plansInForms } from './formsCase.js';
import { goldenConvolutions } from './goldenConvolutions.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);
afterAll(printShares);

const golden = loadGolden('conv');
const cases = goldenConvolutions(golden);

it('are all there', () => {
  expect(cases).toHaveLength(23);
});

describe.each<Family | undefined>(['naive', undefined])('golden convolutions, family %s', (family) => {
  it.each(
    (golden.metadata.cases as object[]).map((described, index) => [index, described]),
  )('case %i: %o', async (index) => {
    const { one, expected } = cases[index as number]!;
    const shares = await expectConvolution(device, one, `golden ${index}`, { family, expected });
    noteShares(`golden, ${family ?? 'automatic'}`, shares);
  });
});

/** A convolution of 3x3 with stride 2 over 4x4 pixels from 1 up, with weights from 1 up: what PyTorch gives behind a pad. */
describe.each([
  {
    padding: 'SAME_UPPER',
    sides: [0, 0, 1, 1],
    y: [348, 252, 274, 175],
    dx: [1, 2, 5, 4, 4, 5, 14, 10, 10, 14, 36, 24, 12, 15, 34, 20],
    dw: [78, 88, 36, 118, 128, 52, 31, 34, 11],
  },
  {
    padding: 'SAME_LOWER',
    sides: [1, 1, 0, 0],
    y: [111, 217, 363, 573],
    dx: [5, 14, 10, 12, 14, 36, 24, 30, 15, 34, 20, 24, 24, 55, 32, 36],
    dw: [24, 43, 50, 44, 78, 88, 68, 118, 128],
  },
] as const)('padding $padding', ({ sides, y, dx, dw }) => {
  const counted = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 1);
  const [input, filter, gradient] = [counted(16), counted(9), counted(4)];
  const shape = {
    batch: 1,
    inHeight: 4,
    inWidth: 4,
    inChannels: 1,
    outChannels: 1,
    kernel: [3, 3],
    stride: [2, 2],
    padding: sides,
  } as const;

  it('forward and backward, in every form', async () => {
    const forward = plansInForms(device, (traits) => planConvolution(shape, {}, traits));
    for (const [form, plan] of forward) {
      expect([...(await runPlan(device, plan, { input, filter })).floats('output')], form).toEqual(y);
    }
    const toInput = plansInForms(device, (traits) => planConvolutionInputGradient(shape, {}, traits));
    for (const [form, plan] of toInput) {
      expect([...(await runPlan(device, plan, { gradient, filter })).floats('output')], form).toEqual(dx);
    }
    const toFilter = plansInForms(device, (traits) => planConvolutionFilterGradient(shape, {}, traits));
    for (const [form, plan] of toFilter) {
      expect([...(await runPlan(device, plan, { input, gradient })).floats('output')], form).toEqual(dw);
    }
  });
});
