import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/errors.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import { planDense } from '../../src/ops/dense.js';
import type { Form, FormRequest, RankedForm } from '../../src/ops/forms.js';
import { compilePlan, type KernelStep, type OperationPlan } from '../../src/ops/plan.js';
import type { Precision } from '../../src/ops/precision.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { cachedPipelines } from '../../src/wgsl/pipeline.js';
import { formShapes } from '../ops/formsCase.js';
import { catalogueSteps, compileStep, lacksFor } from '../support/catalogueSteps.js';
import { closeTestDevice, testDevice } from '../support/device.js';

/* Whether a second compiler, naga, takes the kernels: in every form that the device has, each made into a pipeline. */

let device: GPUDevice;
let traits: DeviceTraits;
let precisions: readonly Precision[];

beforeAll(async () => {
  ({ device } = await testDevice());
  traits = deviceTraits(device);
  precisions = device.features.has('shader-f16') ? ['float32', 'float16'] : ['float32'];
});

afterAll(async () => {
  process.stdout.write(`  ${cachedPipelines(device)} pipelines compiled\n`);
  await closeTestDevice();
});

type Plan = (traits: DeviceTraits) => OperationPlan;

/** An operation in every form, with shared pipelines and with its own, and every product in the middle of a Winograd convolution. */
function everyForm(plan: Plan): OperationPlan[] {
  const winogradAmong = (forms: readonly RankedForm[]) =>
    forms.find(({ family }) => family === 'winograd') ?? forms[0]!;
  const planned = (choose: (request: FormRequest) => Form) => plan({ ...traits, choose });
  const requests = new Map<string, FormRequest>();
  planned((request) => {
    requests.set(request.operation, request);
    return winogradAmong(request.forms);
  });
  return [...requests.values()].flatMap(({ operation, forms }) =>
    forms.flatMap((form) =>
      [true, false].map((shared) =>
        planned((asked) => (asked.operation === operation ? { ...form, shared } : winogradAmong(asked.forms))),
      ),
    ),
  );
}

async function compileInEveryForm(plans: readonly Plan[]): Promise<void> {
  for (const plan of plans) {
    const forms = everyForm(plan);
    expect(forms.length).toBeGreaterThan(2);
    for (const form of forms) await compilePlan(device, form);
  }
}

/** With nothing besides, and with everything that a convolution does besides. */
function forward(shape: CompleteConvolution): Plan[] {
  const everything = { bias: true, scaleShift: true, residual: true, relu: true } as const;
  return precisions.flatMap((precision): Plan[] => [
    (given) => planConvolution(shape, { precision }, given),
    (given) => planConvolution(shape, { ...everything, adjust: 'output', precision }, given),
    (given) => planConvolution(shape, { ...everything, adjust: 'input', precision }, given),
  ]);
}

/** What a training step takes. */
function training(shape: CompleteConvolution): Plan[] {
  return [
    (given) => planConvolution(shape, { adjust: 'output', storeSums: true, statistics: true }, given),
    (given) => planConvolutionInputGradient(shape, {}, given),
    (given) => planConvolutionInputGradient(shape, { windowSums: 'output', accumulate: true }, given),
    (given) => planConvolutionInputGradient(shape, { windowSums: 'input', accumulate: true }, given),
    (given) => planConvolutionFilterGradient(shape, {}, given),
  ];
}

describe.each(Object.entries(formShapes))('%s', (_, shape) => {
  it('compiles for inference in every form', () => compileInEveryForm(forward(shape)));
  it('compiles for training in every form', () => compileInEveryForm(training(shape)));
});

it.each([10, 16])('a dense layer of %i classes compiles in every form', async (outFeatures) => {
  const dense = { batch: 3, inFeatures: 12, outFeatures };
  const options = { bias: true, outputPrecision: 'float32' } as const;
  await compileInEveryForm(
    precisions.map((precision) => (given) => planDense(dense, { ...options, precision }, given)),
  );
});

describe('the catalogue', () => {
  let steps: readonly KernelStep[];
  beforeAll(() => {
    steps = catalogueSteps(device);
  });

  it('names every kernel', () => {
    const files = readdirSync(new URL('../../kernels/', import.meta.url)).filter((name) => name.endsWith('.wgsl'));
    expect([...new Set(steps.map(({ kernel }) => `${kernel.name}.wgsl`))].sort()).toEqual(files.sort());
  });

  it('compiles, all of it that the device has the features for', async () => {
    for (const step of steps.filter((step) => !lacksFor(device, step))) await compileStep(device, step);
    const without = new Set(steps.filter((step) => lacksFor(device, step)).map(({ kernel }) => kernel.name));
    process.stdout.write(`  not for this device: ${[...without].join(', ') || 'none'}\n`);
    for (const name of without) expect(name).toMatch(/subgroup|external|convert|multiply_adds/);
  });

  it('is refused by a typed error where the device lacks a feature', async () => {
    for (const step of steps.filter((step) => lacksFor(device, step))) {
      await expect(compileStep(device, step)).rejects.toThrow(UnsupportedError);
    }
  });
});
