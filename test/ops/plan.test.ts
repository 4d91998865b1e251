import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LimitError, ShapeError } from '../../src/errors.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planCrossEntropy, planEvaluationMetrics, planStepMetrics } from '../../src/ops/loss.js';
import {
  type BufferRange,
  bindPlan,
  type CompiledPlan,
  compilePlan,
  gridOf,
  type Operand,
  type OperationPlan,
  tensorBytes,
  threadGroups,
} from '../../src/ops/plan.js';
import { planAdd, planRelu } from '../../src/ops/pointwise.js';
import { planMeanPool } from '../../src/ops/pool.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan } from '../support/runPlan.js';

let device: GPUDevice;
const buffers: GPUBuffer[] = [];

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(async () => {
  for (const buffer of buffers) buffer.destroy();
  await closeTestDevice();
});

function range(size: number, usage = GPUBufferUsage.STORAGE, offset = 0): BufferRange {
  const buffer = device.createBuffer({ size: offset + Math.ceil(size / 4) * 4, usage });
  buffers.push(buffer);
  return { buffer, offset, size };
}

it('counts bytes and workgroups', () => {
  expect(tensorBytes(2, 3, 5)).toBe(120);
  expect(tensorBytes()).toBe(4);
  expect([1, 64, 65].map(threadGroups)).toEqual([1, 1, 2]);
});

it('lays workgroups out in rows that hold them all and little more', () => {
  for (const count of [1, 7, 65_535, 65_536, 131_071, 1_000_003, 65_535 ** 2]) {
    const [width, height] = gridOf(count);
    expect(Math.max(width, height)).toBeLessThanOrEqual(65_535);
    expect(width * height).toBeGreaterThanOrEqual(count);
    expect(width * height - count).toBeLessThan(height);
  }
  expect(gridOf(10, 4)).toEqual([4, 3]);
});

describe('bindPlan', () => {
  let relu: CompiledPlan;
  let metrics: CompiledPlan;

  beforeAll(async () => {
    relu = await compilePlan(device, planRelu(100));
    metrics = await compilePlan(device, planStepMetrics(2, 2));
  });

  function refusal(plan: CompiledPlan, ranges: Record<string, BufferRange>): ShapeError {
    try {
      bindPlan(plan, ranges);
    } catch (error) {
      expect(error).toBeInstanceOf(ShapeError);
      return error as ShapeError;
    }
    return expect.fail('nothing was thrown');
  }

  it('takes ranges that are larger than needed, at any aligned offset', () => {
    const bound = bindPlan(relu, { input: range(400), output: range(1000, GPUBufferUsage.STORAGE, 512) });
    expect(bound.dispatches).toBe(1);
  });

  it('refuses a missing range', () => {
    const said = { operation: 'relu', parameter: 'output', expected: 'a buffer range', got: 'none' };
    expect(refusal(relu, { input: range(400) })).toMatchObject(said);
  });

  it('refuses a range that is too small', () => {
    const said = { operation: 'relu', parameter: 'input', expected: 'at least 400 bytes', got: '396 bytes' };
    expect(refusal(relu, { input: range(396), output: range(400) })).toMatchObject(said);
  });

  it('refuses a range that leaves its buffer', () => {
    const { buffer } = range(600);
    const said = { parameter: 'output', expected: 'a range inside the buffer of 600 bytes', got: '256 + 400' };
    expect(refusal(relu, { input: range(400), output: { buffer, offset: 256, size: 400 } })).toMatchObject(said);
  });

  it('refuses an offset that is not aligned', () => {
    const alignment = device.limits.minStorageBufferOffsetAlignment;
    const offset = alignment + 4;
    const output = range(400, GPUBufferUsage.STORAGE, offset);
    const said = { parameter: 'output', expected: `an offset that is a multiple of ${alignment}`, got: String(offset) };
    expect(refusal(relu, { input: range(400), output })).toMatchObject(said);
  });

  it('refuses a buffer without the usage', () => {
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM;
    const said = { parameter: 'input', expected: 'a buffer with STORAGE usage', got: `usage ${usage}` };
    expect(refusal(relu, { input: range(400, usage), output: range(400) })).toMatchObject(said);
  });

  it('asks UNIFORM of a uniform, with an alignment of its own', () => {
    const storage = { losses: range(8), ranks: range(8), ring: range(16), status: range(8) };
    const said = { operation: 'stepMetrics', parameter: 'stepState' };
    const usage = GPUBufferUsage.STORAGE;
    expect(refusal(metrics, { ...storage, stepState: range(16) })).toMatchObject({
      ...said,
      expected: 'a buffer with UNIFORM usage',
      got: `usage ${usage}`,
    });
    const alignment = device.limits.minUniformBufferOffsetAlignment;
    const misplaced = range(16, GPUBufferUsage.UNIFORM, alignment + 4);
    expect(refusal(metrics, { ...storage, stepState: misplaced })).toMatchObject({
      ...said,
      expected: `an offset that is a multiple of ${alignment}`,
    });
    expect(bindPlan(metrics, { ...storage, stepState: range(16, GPUBufferUsage.UNIFORM) }).dispatches).toBe(1);
  });
});

describe('compilePlan', () => {
  async function limitOf(plan: OperationPlan): Promise<LimitError> {
    const error = await compilePlan(device, plan).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LimitError);
    return error as LimitError;
  }

  it('refuses an operand beyond the largest binding', async () => {
    const allowed = device.limits.maxStorageBufferBindingSize;
    const count = allowed / 4 + 1;
    expect(await limitOf(planRelu(count))).toMatchObject({
      operation: 'relu',
      parameter: 'input',
      expected: `at most ${allowed} (the device's maxStorageBufferBindingSize), or a device with requiredLimits { maxStorageBufferBindingSize: ${allowed + 4} }`,
      got: `${allowed + 4}, 4 too much`,
    });
  });

  it('refuses more workgroups than the device’s grid holds', async () => {
    const plan = planRelu(4);
    const widest = device.limits.maxComputeWorkgroupsPerDimension;
    const steps = plan.steps.map((step) => ({ ...step, workgroups: (widest + 1) * 65_535 }));
    expect(await limitOf({ ...plan, steps })).toMatchObject({ operation: 'relu', parameter: 'workgroups along y' });
  });

  it('hands a kernel that does not compile on', async () => {
    const plan = planRelu(4);
    const steps = plan.steps.map((step) => {
      const { COUNT: _, ...constants } = step.constants;
      return { ...step, constants };
    });
    await expect(compilePlan(device, { ...plan, steps })).rejects.toMatchObject({
      name: 'UnsupportedError',
      operation: 'activation',
      parameter: 'kernel',
      expected: 'a kernel that this device compiles',
      got: expect.stringContaining('COUNT'),
    });
  });
});

it('compiles one pipeline for all values of a kernel’s variables, and gives every plan its own', async () => {
  const shape = { batch: 1, inHeight: 2, channels: 1, kernel: [2, 2], stride: [1, 2], padding: [0, 0] } as const;
  const narrow = planMeanPool({ ...shape, inWidth: 2 });
  const wide = planMeanPool({ ...shape, inWidth: 4 });
  const [one, other] = await Promise.all([narrow, wide].map((plan) => compilePlan(device, plan)));
  expect(one!.pipelines[0]).toBe(other!.pipelines[0]);
  const means = async (plan: OperationPlan, ...input: number[]) => [
    ...(await runPlan(device, plan, { input: Float32Array.from(input) })).floats('output'),
  ];
  expect(await means(narrow, 1, 2, 3, 6)).toEqual([3]);
  expect(await means(wide, 1, 2, 3, 4, 5, 6, 7, 8)).toEqual([3.5, 5.5]);
  expect(await means(narrow, 1, 2, 3, 6)).toEqual([3]);
});

/** The harness must not pass what is wrong: each of these plans breaks one rule. */
describe('runPlan', () => {
  const input = Float32Array.of(1, -2, 3, -4, 5);

  function changed(plan: OperationPlan, from: RegExp, to: string): OperationPlan {
    const steps = plan.steps.map((step) => {
      expect(step.kernel.text).toMatch(from);
      return { ...step, kernel: { ...step.kernel, text: step.kernel.text.replace(from, to) } };
    });
    return { ...plan, steps };
  }

  /** The kernel's cache knows it by its constants, so that every change needs a number of its own. */
  function numbered(plan: OperationPlan, number: number): OperationPlan {
    const steps = plan.steps.map((step) => ({ ...step, constants: { ...step.constants, CHANGE: number } }));
    return { ...plan, steps };
  }

  it('runs a plan once or repeatedly', async () => {
    const result = await runPlan(device, planRelu(5), { input });
    expect([...result.floats('output')]).toEqual([1, 0, 3, 0, 5]);
    const inputs = {
      losses: Float32Array.of(1, 3),
      ranks: Uint32Array.of(0, 1),
      labels: Uint32Array.of(4, 4),
      totals: new Float32Array(4),
    };
    const totals = await runPlan(device, planEvaluationMetrics(2, 5), inputs, { times: 3 });
    expect([...totals.floats('totals')]).toEqual([12, 3, 6, 6]);
    expect(() => totals.floats('losses')).toThrow('evaluationMetrics: writes no operand losses');
  });

  it('fails where an input is written to', async () => {
    const plan = numbered(changed(planRelu(5), /output\[(\w+)\]=/, 'input[$1]='), 1);
    await expect(runPlan(device, plan, { input })).rejects.toThrow(/relu: input input .* written to/);
  });

  it('shows what was left unwritten as NaN', async () => {
    const plan = numbered(changed(planRelu(5), /(\w+)>=COUNT/, '$1>=3u'), 3);
    const result = await runPlan(device, plan, { input });
    expect([...result.floats('output')]).toEqual([1, 0, 3, Number.NaN, Number.NaN]);
  });

  it('fails where inputs are missing or of a wrong size, or the device refuses', async () => {
    await expect(runPlan(device, planRelu(5), {})).rejects.toThrow('relu: input: 20 bytes expected, got undefined');
    await expect(runPlan(device, planRelu(4), { input })).rejects.toThrow('relu: input: 16 bytes expected, got 20');
    await expect(runPlan(device, planRelu(5), { input, other: input })).rejects.toThrow('relu: other: undefined bytes');
    const tooSmall = {
      ...planRelu(4),
      operands: Object.fromEntries(['input', 'output'].map((name) => [name, oneNumber(name)])),
    };
    await expect(runPlan(device, tooSmall, { input: Float32Array.of(1) })).rejects.toThrow(/relu: validation/);
  });
});

/** A binding that is too small for the kernel's vectors of four. */
function oneNumber(name: string): Operand {
  return { bytes: 4, use: name === 'input' ? 'input' : 'output' };
}

it('refuses operands of one dispatch that share memory, and takes neighbours', async () => {
  const buffer = device.createBuffer({ size: 1024, usage: GPUBufferUsage.STORAGE });
  const compiled = await compilePlan(device, planAdd(64));
  const range = (offset: number) => ({ buffer, offset, size: 256 });
  const [left, right, output] = [range(0), range(256), range(512)];
  bindPlan(compiled, { left, right, output });
  expect(() => bindPlan(compiled, { left, right: left, output })).toThrow(
    'add: right: expected memory apart from left, which the same dispatch binds, got bytes 0 to 256 of the same buffer',
  );
  expect(() => bindPlan(compiled, { left, right, output: range(0) })).toThrow(ShapeError);
  buffer.destroy();
});

it('leaves nothing behind for a device of the caller’s: no uncaptured error', async () => {
  const errors: string[] = [];
  let heard = (): void => {};
  const listen = (event: Event) => {
    event.preventDefault();
    errors.push((event as GPUUncapturedErrorEvent).error.message);
    heard();
  };
  device.addEventListener('uncapturederror', listen);
  const plan = planConvolution(
    {
      batch: 1,
      inHeight: 3,
      inWidth: 3,
      inChannels: 2,
      outChannels: 4,
      kernel: [2, 2],
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
    },
    {},
    {},
  );
  const broken = { ...plan, steps: plan.steps.map((step) => ({ ...step, constants: {} })) };
  await expect(compilePlan(device, broken)).rejects.toThrow();
  const notANumber = planCrossEntropy({ batch: 1, classes: 2 });
  const wrongConstants = notANumber.steps.map((step) => ({ ...step, constants: { BATCH: Number.NaN } }));
  await expect(compilePlan(device, { ...notANumber, steps: wrongConstants })).rejects.toThrow(ShapeError);
  // No scope is left open: the next error reaches the device, and errors come in order.
  const next = new Promise<void>((resolve) => {
    heard = resolve;
  });
  device.createBuffer({ size: 4, usage: 0, label: 'the next' });
  await next;
  device.removeEventListener('uncapturederror', listen);
  expect(errors).toEqual([expect.stringContaining('the next')]);
  expect(await device.popErrorScope().catch((error: unknown) => (error as Error).name)).toBe('OperationError');
});
