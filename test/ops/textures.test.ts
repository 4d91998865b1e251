import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage, createBuffer, destroyBuffer } from '../../src/device/buffers.js';
import { textureBytes } from '../../src/device/textures.js';
import { planTextures } from '../../src/graph/operations.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { Form, FormRequest, RankedForm } from '../../src/ops/forms.js';
import { createOperation } from '../../src/ops/operation.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { convolutionBackwardMagnitude, convolutionMagnitude } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan, type Values } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { adjustOperand, expectedValues, randomCase, referenceOperands } from './convolutionCase.js';
import { boundOf, formShapes } from './formsCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const base = { batch: 1, stride: [1, 1], dilation: [1, 1], groups: 1 } as const;
const shapes: Readonly<Record<string, CompleteConvolution>> = {
  'whole tiles': formShapes['whole tiles']!,
  'wide pointwise': formShapes['wide pointwise']!,
  'odd sizes over images, input channels that no texel divides': formShapes['odd sizes over images']!,
  'groups of many channels': formShapes['groups of many channels']!,
  'stride 2 of two rows': formShapes['stride 2 of two rows']!,
  'four sides, 3x3': formShapes['four sides, 3x3']!,
  'several rows of texels': {
    ...base,
    inHeight: 5,
    inWidth: 3,
    inChannels: 68,
    outChannels: 132,
    kernel: [1, 1],
    padding: [0, 0],
  },
};

type Count = 1 | 2;

/**
 * Picks the smallest form with so many operands in textures, as Winograd's product with `winograd`; its pipelines are shared
 * where both are.
 */
function textured(count: Count, winograd: boolean): DeviceTraits {
  const smallest = (forms: readonly RankedForm[]): RankedForm | undefined =>
    [...forms].sort((a, b) => a.body - b.body).find(({ body }) => body > 8) ?? forms[0];
  const choose = ({ forms, operation }: FormRequest): Form => {
    const wanted = (form: RankedForm): boolean =>
      winograd && operation !== 'winogradProduct' ? form.family === 'winograd' : form.tile.textures === count;
    const form = smallest(forms.filter(wanted)) ?? forms.find(({ family }) => family === 'naive')!;
    return { ...form, shared: count === 2 };
  };
  return { ...deviceTraits(device), textures: true, choose };
}

function texturesOf(plan: OperationPlan): number {
  return Object.keys(plan.textures ?? {}).length;
}

describe.each(Object.entries(shapes))('%s', (name, shape) => {
  const { groupIn, groupOut } = checkConvolution(name, shape);
  const taps = shape.kernel[0] * shape.kernel[1];
  const applies = shape.kernel[0] === 3 && shape.groups === 1 && shape.stride.every((size) => size === 1);

  it.each<[Count, boolean]>([
    [1, true],
    [2, true],
    [1, false],
    [2, false],
  ])('%i operands in textures, constant filters %s', async (count, constantFilter) => {
    const one = randomCase(shape, 'output', false, 11, true);
    const expected = expectedValues(one);
    const magnitude = convolutionMagnitude(referenceOperands(one));
    const inputs: Record<string, Values> = { input: one.input, filter: one.filter, ...adjustOperand(one) };
    for (const winograd of applies ? [false, true] : [false]) {
      const traits = textured(count, winograd);
      const plan = planConvolution(shape, { adjust: 'output', offset: true, constantFilter }, traits);
      expect(texturesOf(plan), 'textures').toBe(count === 2 && groupIn % 4 !== 0 ? 0 : count);
      const result = await runPlan(device, plan, inputs, { times: 2 });
      const bound = boundOf(plan, taps * groupIn + 8, magnitude.y);
      expectClose(result.floats('output'), expected.y!, bound, `${name} ${count} ${winograd}`);
    }
  });

  it.each<Count>([1, 2])('input gradient, %i operands in textures', async (count) => {
    const one = randomCase(shape, 'none', false, 13);
    const expected = expectedValues(one);
    const magnitude = convolutionBackwardMagnitude(referenceOperands(one));
    for (const winograd of applies ? [false, true] : [false]) {
      const plan = planConvolutionInputGradient(shape, {}, textured(count, winograd));
      const inputs = { gradient: one.gradient, filter: one.filter };
      const result = await runPlan(device, plan, inputs);
      const bound = boundOf(plan, taps * groupOut + 8, magnitude.dx);
      expectClose(result.floats('output'), expected.dx!, bound, `${name} input gradient ${count} ${winograd}`);
    }
  });
});

it('textures belong to the operation, are counted, and go with it', async () => {
  const shape = shapes['wide pointwise']!;
  const { inputBytes, filterBytes, outputBytes } = checkConvolution('conv2d', shape);
  const plan = planConvolution(shape, { constantFilter: true }, textured(2, false));
  const own = Object.values(plan.textures!).reduce((sum, texture) => sum + textureBytes(texture), 0);
  const sizes = { input: inputBytes, filter: filterBytes, output: outputBytes };
  const operands = Object.fromEntries(
    Object.entries(sizes).map(([label, size]) => [label, createBuffer(device, { label, size, usage: 0x80 })]),
  );
  const before = bufferUsage(device);
  const operation = await createOperation(device, plan, operands);
  expect(operation.scratchBytes).toBe(own);
  expect(bufferUsage(device)).toEqual({ count: before.count + 2, bytes: before.bytes + own });
  operation.dispose();
  expect(bufferUsage(device)).toEqual(before);
  for (const buffer of Object.values(operands)) destroyBuffer(device, buffer);
});

it('operations of a network share scratch textures, the largest for all, and keep prepared ones apart', () => {
  const traits = textured(2, false);
  const plans = [shapes['wide pointwise']!, shapes['several rows of texels']!].map((shape) =>
    planConvolution(shape, { constantFilter: true }, traits),
  );
  const { textures, places, bytes } = planTextures(plans.map((plan) => ({ layer: 'layer', plan, tensors: {} })));
  expect(textures).toHaveLength(3);
  expect(places[0]!.inputTexture).toBe(places[1]!.inputTexture);
  expect(places[0]!.filterTexture).not.toBe(places[1]!.filterTexture);
  const heights = plans.map((plan) => plan.textures!.inputTexture!.height);
  expect(textures[places[0]!.inputTexture!]!.height).toBe(Math.max(...heights));
  expect(bytes).toBe(textures.reduce((sum, texture) => sum + textureBytes(texture), 0));
});
