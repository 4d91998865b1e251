import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import type { FormRequest, RankedForm } from '../../src/ops/forms.js';
import { kernelOf, type OperationPlan } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits, processorOf } from '../../src/ops/traits.js';
import { tuningScope } from '../../src/tune/record.js';
import { assemble } from '../../src/wgsl/assemble.js';
import { convolutionBackwardMagnitude, convolutionBackwardReference } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import { expectedValues, outputBound, randomCase, referenceOperands } from './convolutionCase.js';
import { onePixel } from './productShapes.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const shape: CompleteConvolution = {
  ...onePixel,
  batch: 2,
  inHeight: 7,
  inWidth: 9,
  inChannels: 32,
  outChannels: 40,
  kernel: [3, 3],
  padding: [1, 1],
};

const plans: Readonly<Record<string, (traits: DeviceTraits) => OperationPlan>> = {
  forward: (traits) => planConvolution(shape, { adjust: 'output' }, traits),
  'input gradient': (traits) => planConvolutionInputGradient(shape, {}, traits),
  'filter gradient': (traits) => planConvolutionFilterGradient(shape, {}, traits),
};

/** A device of which planning asks nothing but what it says of itself. */
function standIn(
  vendor: string,
  [subgroupMinSize, subgroupMaxSize]: readonly [number, number],
  features: readonly string[] = ['subgroups', 'subgroup-size-control'],
): GPUDevice {
  const names = { vendor, architecture: '', device: '', description: '', isFallbackAdapter: false };
  const adapterInfo = { ...names, subgroupMinSize, subgroupMaxSize };
  return { features: new Set(features), adapterInfo } as unknown as GPUDevice;
}

/** What a plan function offers, product of a Winograd convolution included. */
function offers(plan: (traits: DeviceTraits) => OperationPlan, traits: DeviceTraits): RankedForm[] {
  const forms: RankedForm[] = [];
  const choose = (asked: FormRequest) => {
    forms.push(...asked.forms);
    return asked.forms.find(({ family }) => family === 'winograd') ?? asked.forms[0]!;
  };
  plan({ ...traits, choose });
  return forms;
}

/** The plan in its cheapest form by subgroups. */
const bySubgroups = (plan: (traits: DeviceTraits) => OperationPlan, traits: DeviceTraits): OperationPlan =>
  plan({ ...traits, choose: ({ forms }) => forms.find(({ family }) => family === 'subgroup')! });

/** The module of the kernel that uses subgroups. */
function moduleOf(plan: OperationPlan): string {
  const step = plan.steps.find(({ constants }) => 'SUBGROUP' in constants)!;
  const { kernel, constants } = kernelOf(step);
  return assemble(kernel, constants);
}

const pinOf = (text: string): string | undefined => /@subgroup_size\((\w+)\)/.exec(text)?.[1];

describe('a device with subgroups of several sizes', () => {
  it.each([
    ['intel', [8, 32], 16],
    ['intel', [16, 32], 16],
    ['amd', [32, 64], 32],
    ['qualcomm', [64, 128], 64],
    ['arm', [4, 16], 16],
  ] as const)('of %s, %o: kernels ask for %i', (vendor, sizes, size) => {
    const traits = deviceTraits(standIn(vendor, sizes));
    expect(traits).toMatchObject({ subgroup: size, pinned: true });
    expect(tuningScope(standIn(vendor, sizes)).adapter).toContain(`subgroups pinned to ${size}`);
  });

  it.each(Object.entries(plans))('has forms by subgroups for %s, which say so in their text', async (_, plan) => {
    const traits = deviceTraits(standIn('intel', [8, 32]));
    expect(offers(plan, traits).map(({ family }) => family)).toContain('subgroup');
    const text = moduleOf(bySubgroups(plan, traits));
    expect(text).toMatch(/^enable subgroups;\nenable subgroup_size_control;$/m);
    expect(text).toContain('@compute @workgroup_size(SUBGROUP) @subgroup_size(SUBGROUP)');
    expect(text).toContain('const SUBGROUP = 16u;');
    if (!device.features.has('subgroup-size-control')) return;
    const { messages } = await device.createShaderModule({ code: text }).getCompilationInfo();
    expect(messages.filter(({ type }) => type === 'error')).toEqual([]);
  });

  it.each(Object.entries(plans))('without the feature has none for %s', (_, plan) => {
    const lacking = standIn('intel', [8, 32], ['subgroups']);
    const traits = deviceTraits(lacking);
    expect(traits.subgroup).toBeUndefined();
    expect(offers(plan, traits).map(({ family }) => family)).not.toContain('subgroup');
    expect(tuningScope(lacking).adapter).toContain('no subgroups');
  });
});

describe('a device with subgroups of one size', () => {
  it.each(Object.entries(plans))('is asked for nothing, for %s', (_, plan) => {
    const one = standIn('nvidia', [32, 32]);
    const text = moduleOf(bySubgroups(plan, deviceTraits(one)));
    expect(pinOf(text)).toBeUndefined();
    expect(text).not.toContain('subgroup_size_control');
    expect(tuningScope(one).adapter).toContain('subgroups of 32');
  });

  it('runs kernels that ask for it', async () => {
    const traits = deviceTraits(device);
    if (traits.subgroup === undefined || !device.features.has('subgroup-size-control')) return;
    const pinned = { ...traits, pinned: true };
    const one = randomCase(shape, 'output', false, 5);
    const forward = bySubgroups(plans.forward!, pinned);
    expect(pinOf(moduleOf(forward))).toBe('SUBGROUP');
    const result = await runPlan(device, forward, { input: one.input, filter: one.filter, adjust: one.adjust! });
    expectClose(result.floats('output'), expectedValues(one).y, outputBound(referenceOperands(one)), 'forward, pinned');

    const given = randomCase(shape, 'none', false, 6);
    const plain = referenceOperands(given);
    const gradient = bySubgroups(plans['filter gradient']!, pinned);
    const sums = await runPlan(device, gradient, { input: given.input, gradient: given.gradient });
    const bound = summationBound(2 * 7 * 9 + 1, convolutionBackwardMagnitude(plain).dFilter);
    const expected = convolutionBackwardReference(plain).dFilter;
    expectClose(sums.floats('output'), expected, bound, 'filter gradient, pinned');
  });
});

describe('a processor that plays a GPU', () => {
  it.each([
    ['llvmpipe with subgroups', { description: 'llvmpipe: Mesa 25' }, ['subgroups'], 190, true],
    ['llvmpipe without, as Deno has it', { vendor: '65541', description: 'llvmpipe (LLVM 15.0.6)' }, [], 32, false],
    ['SwiftShader without', { vendor: 'google', architecture: 'swiftshader' }, [], undefined, false],
  ] as const)('%s: bodies that compile soon', (_, names, features, largestBody, textures) => {
    const { adapterInfo, ...others } = standIn('', [8, 8], features);
    const traits = deviceTraits({ ...others, adapterInfo: { ...adapterInfo, ...names } } as GPUDevice);
    expect(traits).toMatchObject({ software: true, textures });
    expect(traits.largestBody).toBe(largestBody);
  });
});

describe('a GPU whose subgroups are as small as those of a processor that plays one', () => {
  const gpu = (lanes: number): DeviceTraits => deviceTraits(standIn('intel', [lanes, lanes]));

  it.each([4, 8])('of %i lanes is a GPU', (lanes) => {
    const traits = gpu(lanes);
    expect(processorOf(traits)).toBe('gpu');
    expect(traits).toMatchObject({ software: false, textures: false, subgroup: lanes });
    expect(traits.largestBody).toBeUndefined();
    expect(traits.machine).toEqual(gpu(32).machine);
  });

  it.each([4, 8])('of %i lanes has the forms of a GPU, at its costs', (lanes) => {
    for (const [name, plan] of Object.entries(plans)) {
      const [small, wide] = [lanes, 32].map((size) => {
        const forms = offers(plan, gpu(size)).filter(({ family }) => family !== 'subgroup' && family !== 'winograd');
        return forms.map(({ family, tile, cost }) => ({ family, tile, cost }));
      });
      expect(small, name).toEqual(wide);
      const bySize = offers(plan, gpu(lanes)).filter(({ family }) => family === 'subgroup');
      expect(bySize.length, name).toBeGreaterThan(0);
      for (const { tile } of bySize)
        expect(tile, name).toMatchObject(name === 'filter gradient' ? {} : { read: 1, textures: 0 });
    }
  });

  it.each([4, 8])('of %i lanes loads filters as a GPU does', (lanes) => {
    const forward = bySubgroups(plans.forward!, gpu(lanes)).steps.at(-1)!;
    expect(forward.constants).toMatchObject({ HELD: 4, TURNED: false });
    const gradient = bySubgroups(plans['input gradient']!, gpu(lanes));
    expect(gradient.steps.map(({ kernel }) => kernel.name)).toContain('filter_transpose');
  });

  it('of 4 lanes makes window sums with a Winograd convolution', () => {
    const choose = ({ forms }: FormRequest) => forms.find(({ family }) => family === 'winograd') ?? forms[0]!;
    const kernels = (traits: DeviceTraits) =>
      plans.forward!({ ...traits, choose }).steps.map(({ kernel }) => kernel.name);
    expect(kernels(gpu(4))).not.toContain('pixel_sums');
    expect(kernels({ subgroup: 4, software: true })).toContain('pixel_sums');
  });

  it('computes with four lanes as it does with more', async () => {
    const traits = deviceTraits(device);
    if (traits.subgroup === undefined) return;
    const one = randomCase(shape, 'output', false, 7);
    const forward = bySubgroups(plans.forward!, { subgroup: traits.subgroup });
    expect(forward.steps.at(-1)!.constants.HELD).toBe(4);
    const result = await runPlan(device, forward, { input: one.input, filter: one.filter, adjust: one.adjust! });
    expectClose(result.floats('output'), expectedValues(one).y, outputBound(referenceOperands(one)), 'as on a GPU');
  });
});
