import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { Family } from '../../src/ops/forms.js';

import { convolutionMagnitude, convolutionReference } from '../reference/convolution.js';
import { reluReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { directTraits } from '../support/directTraits.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { adjustOperand, randomCase, referenceOperands } from './convolutionCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

interface Epilogue {
  readonly mode: Adjust;
  readonly bias: boolean;
  readonly offset: boolean;
  readonly scaleShift: boolean;
  readonly residual: boolean;
  readonly relu: boolean;
  readonly maximum?: number;
}

const epilogues: readonly Epilogue[] = (['none', 'output', 'input'] as const).flatMap((mode) =>
  Array.from({ length: 20 }, (_, index) => {
    // The last four are bounded.
    const bits = index < 16 ? index : 3 * index;
    const ones = bits.toString(2).replaceAll('0', '').length;
    return {
      mode,
      bias: (bits & 1) !== 0,
      // With and without each pair of the others.
      offset: mode !== 'none' && ones % 2 === 1,
      scaleShift: (bits & 2) !== 0,
      residual: (bits & 4) !== 0,
      relu: index >= 16 || (bits & 8) !== 0,
      ...(index >= 16 && { maximum: 0.5 }),
    };
  }),
);

const base = { batch: 1, kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;

/** One for each vector width, with lanes to spare and without, and one in groups. */
const shapes: readonly CompleteConvolution[] = [
  { ...base, inHeight: 2, inWidth: 3, inChannels: 5, outChannels: 16 },
  { ...base, batch: 2, inHeight: 3, inWidth: 3, inChannels: 8, outChannels: 6, kernel: [2, 2], padding: [1, 0] },
  { ...base, inHeight: 1, inWidth: 4, inChannels: 3, outChannels: 7, kernel: [1, 3], padding: [0, 1] },
  { ...base, inHeight: 2, inWidth: 2, inChannels: 6, outChannels: 18, groups: 2 },
  { ...base, inHeight: 3, inWidth: 2, inChannels: 8, outChannels: 8, groups: 8, kernel: [2, 2], padding: [1, 0] },
];

async function expectEpilogue(shape: CompleteConvolution, epilogue: Epilogue, seed: number, family?: Family) {
  const { mode, bias, offset, scaleShift, residual, relu, maximum } = epilogue;
  const channels = shape.outChannels;
  const { groupIn, outputBytes } = checkConvolution('epilogue', shape);
  const one = randomCase(shape, mode, bias, seed, offset);
  // Both signs: a negative scale must not be taken into the weights, where the unit would fire on its other side.
  const scales = randomArray(2 * channels, seed + 10, -2, 2);
  const added = randomArray(outputBytes / 4, seed + 11);
  const bounded = { relu, ...(maximum && { maximum }) };
  const options = { adjust: mode, offset, bias, scaleShift, ...bounded, ...(family && { family }) };
  const operands = {
    input: one.input,
    filter: one.filter,
    ...(one.bias && { bias: one.bias }),
    ...adjustOperand(one),
    ...(scaleShift && { scaleShift: scales }),
  };
  const plan = planConvolution(shape, { ...options, residual }, directTraits(device));
  const result = await runPlan(device, plan, { ...operands, ...(residual && { residual: added }) });

  if (residual) {
    const inPlace = planConvolution(shape, { ...options, residualInPlace: true }, directTraits(device));
    const there = await runPlan(device, inPlace, { ...operands, output: added });
    expect(there.integers('output'), 'residual in place').toEqual(result.integers('output'));
  }

  const behind = (y: Float64Array, on: (value: number) => number) =>
    y.map((value, i) => {
      const k = i % channels;
      const scaled = scaleShift ? on(scales[k]!) * value + on(scales[channels + k]!) : value;
      return residual ? scaled + on(added[i]!) : scaled;
    });
  const exactOperands = referenceOperands(one);
  const exact = behind(convolutionReference(exactOperands).y, (value) => value);
  const expected = relu ? reluReference(exact, maximum) : exact;
  const magnitude = behind(convolutionMagnitude(exactOperands).y, Math.abs);
  const bound = summationBound(shape.kernel[0] * shape.kernel[1] * groupIn + 9, magnitude);
  expectClose(result.floats('output'), expected, bound, `epilogue ${JSON.stringify(epilogue)} ${family}`);
  return { expected, ic: convolutionReference(exactOperands).excess };
}

describe('the epilogue', () => {
  it.each(epilogues)('%o', async (epilogue) => {
    const index = epilogues.indexOf(epilogue);
    const { ic } = await expectEpilogue(shapes[0]!, epilogue, 100 + index, 'naive');
    if (epilogue.mode !== 'none') expect(ic.some((v) => v > 0) && ic.some((v) => v < 0)).toBe(true);
    await expectEpilogue(shapes[index % shapes.length]!, epilogue, 200 + index);
  });

  it('is the same in any combination, shape and family', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...epilogues),
        fc.constantFrom(...shapes),
        fc.constantFrom(undefined, 'naive' as const),
        fc.nat(1e6),
        async (epilogue, shape, family, seed) => {
          await expectEpilogue(shape, epilogue, seed, family);
        },
      ),
      { numRuns: 40 },
    );
  });
});

it('stores window sums that the backward pass reads, in every family', async () => {
  const shape = { ...shapes[3]!, inHeight: 4, inWidth: 5, kernel: [3, 2], padding: [1, 1], stride: [2, 1] } as const;
  const { groupIn } = checkConvolution('sums', shape);
  for (const mode of ['output', 'input'] as const) {
    const one = randomCase(shape, mode, false, 31);
    const operands = referenceOperands(one);
    for (const family of [undefined, 'naive'] as const) {
      const options = { adjust: mode, storeSums: true, ...(family && { family }) };
      const result = await runPlan(device, planConvolution(shape, options, directTraits(device)), {
        input: one.input,
        filter: one.filter,
        adjust: one.adjust!,
      });
      const bound = summationBound(6 * groupIn + 1, convolutionMagnitude(operands).windowSum);
      const { windowSum } = convolutionReference(operands);
      expectClose(result.floats('windowSums'), windowSum, bound, `window sums ${mode} ${family}`);
    }
  }
});

describe('what is not a number', () => {
  const shape = { ...shapes[1]!, padding: [0, 0] } as const;

  it.each(['none', 'output', 'input'] as const)('stays where it was, adjust %s', async (mode) => {
    const one = randomCase(shape, mode, true, 41);
    one.input[0] = Number.NaN;
    const { y } = convolutionReference(referenceOperands(one));
    expect(y.filter(Number.isNaN).length).toBe(shape.outChannels);
    for (const family of [undefined, 'naive'] as const) {
      const options = { adjust: mode, bias: true, relu: true, ...(family && { family }) };
      const result = await runPlan(device, planConvolution(shape, options, directTraits(device)), {
        input: one.input,
        filter: one.filter,
        bias: one.bias!,
        ...(one.adjust && { adjust: one.adjust }),
      });
      expect([...result.floats('output')].map(Number.isNaN)).toEqual([...y].map(Number.isNaN));
    }
  });
});
