import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { matrixUnits } from '../../src/ops/convolution/matrixProduct.js';
import { planMatrixMultiplyAdds } from '../../src/ops/matrixProbe.js';
import { type KernelStep, kernelOf, type OperationPlan } from '../../src/ops/plan.js';
import type { DeviceTraits } from '../../src/ops/traits.js';
import { assemble } from '../../src/wgsl/assemble.js';
import { nullDevice } from '../support/nullDevice.js';

/* Whether the texts of matrix units are valid, of all sizes that GPUs have, on a device that checks them and runs none. */
let device: GPUDevice;
let close: () => void;

beforeAll(async () => {
  ({ device, close } = await nullDevice(['subgroup-matrix']));
});

afterAll(() => close());

const shape = {
  batch: 2,
  inHeight: 16,
  inWidth: 17,
  inChannels: 64,
  outChannels: 128,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
} as const;
const everything = { bias: true, adjust: 'output', scaleShift: true, residual: true, relu: true } as const;

/** What some GPUs have, and what they are taken for. */
const machines = {
  '8x8x8 in subgroups of 8': { configuration: [8, 8, 8], subgroup: 8, largestSubgroup: 8 },
  '8x8x8 in subgroups of 32': { configuration: [8, 8, 8], subgroup: 32, largestSubgroup: 32 },
  '16x16x16 in subgroups of 32': { configuration: [16, 16, 16], subgroup: 32, largestSubgroup: 32 },
  '16x16x16 in subgroups of 32 or 64': { configuration: [16, 16, 16], subgroup: 32, largestSubgroup: 64 },
  '8x16x16 in subgroups of 16 or 32': { configuration: [8, 16, 16], subgroup: 16, largestSubgroup: 32 },
} as const;

async function expectValid({ kernel, constants }: ReturnType<typeof kernelOf>, what: string): Promise<void> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: assemble(kernel, constants) });
  const { messages } = await module.getCompilationInfo();
  await device.popErrorScope();
  expect(
    messages.map(({ type, message, lineNum }) => `${type} ${lineNum}: ${message}`),
    what,
  ).toEqual([]);
}

describe.each(Object.entries(machines))('%s', (_, { configuration, subgroup, largestSubgroup }) => {
  const [rows, columns, depth] = configuration;
  const pinned = subgroup !== largestSubgroup;
  const units = matrixUnits({
    configurations: [{ rows, columns, depth }],
    subgroup,
    pinned,
    largestSubgroup,
    invocations: 256,
    workgroupBytes: 32768,
    software: false,
  });
  const traits: DeviceTraits = { subgroup, pinned, half: true, matrix: units };

  it('multiply-adds of nothing else', async () => {
    await expectValid(kernelOf(planMatrixMultiplyAdds(2, 3, traits).steps[0]!), 'multiply-adds');
  });

  it.each([
    ['vectors', shape],
    ['pairs', { ...shape, inChannels: 34, outChannels: 66 }],
    ['single channels', { ...shape, inChannels: 35, outChannels: 65 }],
    ['few', { ...shape, batch: 1, inHeight: 2, inWidth: 3, inChannels: 3, outChannels: 4 }],
  ] as const)('%s', async (_, given) => {
    const plans: Record<string, (given: DeviceTraits) => OperationPlan> = {
      forward: (traits) => planConvolution(given, { ...everything, precision: 'float16' }, traits),
      statistics: (traits) => planConvolution(given, { adjust: 'input', storeSums: true, statistics: true }, traits),
      'input gradient': (traits) => planConvolutionInputGradient(given, {}, traits),
      'filter gradient': (traits) => planConvolutionFilterGradient(given, {}, traits),
    };
    for (const [name, plan] of Object.entries(plans)) {
      const steps: KernelStep[] = [];
      plan({
        ...traits,
        choose({ forms, plan }) {
          for (const form of forms.filter(({ family }) => family === 'matrix')) steps.push(plan(form).steps[0]!);
          return forms[0]!;
        },
      });
      expect(steps.length, name).toBeGreaterThan(0);
      for (const step of steps) await expectValid(kernelOf(step), `${name} ${JSON.stringify(step.constants)}`);
    }
  });
});
