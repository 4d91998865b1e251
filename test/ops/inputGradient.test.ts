import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Adjust } from '../../src/graph/network.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';

import { convolutionBackwardMagnitude, convolutionBackwardReference } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { directTraits } from '../support/directTraits.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { randomCase, referenceOperands } from './convolutionCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const base = { batch: 2, inHeight: 7, inWidth: 8, inChannels: 6, outChannels: 8, dilation: [1, 1], groups: 1 } as const;

const shapes: Record<string, CompleteConvolution> = {
  'stride 2': { ...base, kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  'stride 3': { ...base, kernel: [3, 3], stride: [3, 3], padding: [1, 1] },
  'strides 2 and 3 with rows and columns left over': { ...base, kernel: [2, 2], stride: [2, 3], padding: [0, 0] },
  'a stride above the window': { ...base, kernel: [1, 2], stride: [2, 3], padding: [0, 1] },
  'padding beyond the window': { ...base, kernel: [2, 3], stride: [1, 1], padding: [3, 4] },
  'padding beyond a dilated window, strided': {
    ...base,
    kernel: [2, 3],
    stride: [2, 3],
    padding: [4, 5],
    dilation: [2, 2],
    groups: 2,
  },
};

describe.each(Object.entries(shapes))('the input gradient with %s', (_, shape) => {
  it.each(['none', 'output', 'input'] as const)('is added to what is there, window sums %s', async (mode: Adjust) => {
    const { inputBytes, groupOut, groups } = checkConvolution('test', shape);
    const pixels = shape.batch * shape.inHeight * shape.inWidth;
    const one = randomCase(shape, 'none', false, 51);
    const before = randomArray(inputBytes / 4, 61);
    const windowSums = randomArray(pixels * groups, 62);
    const adjust = randomArray(shape.inChannels, 63);
    const operands = referenceOperands(one);
    const throughSums = (i: number): number => {
      const c = i % shape.inChannels;
      const group = Math.floor(c / (shape.inChannels / groups));
      const sum = windowSums[Math.floor(i / shape.inChannels) * groups + group]!;
      return mode === 'none' ? 0 : mode === 'output' ? sum : adjust[c]! * sum;
    };
    const expected = convolutionBackwardReference(operands).dx.map((value, i) => value + throughSums(i) + before[i]!);
    const magnitude = convolutionBackwardMagnitude(operands).dx.map(
      (value, i) => value + Math.abs(throughSums(i)) + Math.abs(before[i]!),
    );
    const bound = summationBound(shape.kernel[0] * shape.kernel[1] * groupOut + 3, magnitude);
    for (const family of [undefined, 'naive'] as const) {
      const plan = planConvolutionInputGradient(
        shape,
        { accumulate: true, ...(mode !== 'none' && { windowSums: mode }), ...(family && { family }) },
        directTraits(device),
      );
      const result = await runPlan(device, plan, {
        gradient: one.gradient,
        filter: one.filter,
        output: before,
        ...(mode !== 'none' && { windowSums }),
        ...(mode === 'input' && { adjust }),
      });
      expectClose(result.floats('output'), expected, bound, `input gradient ${mode} ${family}`);
    }
  });
});
