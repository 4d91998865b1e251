import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBinding, checkLimit, checkWorkgroups, numericLimits } from '../../src/device/limits.js';
import { LimitError } from '../../src/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

function failure(check: () => void): LimitError {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(LimitError);
    return error as LimitError;
  }
  return expect.fail('nothing was thrown');
}

describe('numericLimits', () => {
  it('holds every limit that the device reports', () => {
    const limits = numericLimits(device.limits);

    expect(limits.maxBufferSize).toBe(device.limits.maxBufferSize);
    expect(limits.minStorageBufferOffsetAlignment).toBe(device.limits.minStorageBufferOffsetAlignment);
    expect(Object.values(limits).every(Number.isFinite)).toBe(true);
  });
});

describe('checkLimit', () => {
  it('allows the limit itself and says of one more what is wrong', () => {
    const allowed = device.limits.maxComputeWorkgroupSizeX;
    const check = (needed: number) =>
      checkLimit(device, { operation: 'conv2d', parameter: 'tile', limit: 'maxComputeWorkgroupSizeX', needed });

    check(allowed);
    expect(failure(() => check(allowed + 3))).toMatchObject({
      operation: 'conv2d',
      parameter: 'tile',
      expected: `at most ${allowed} (the device's maxComputeWorkgroupSizeX), or a device with requiredLimits { maxComputeWorkgroupSizeX: ${allowed + 3} }`,
      got: `${allowed + 3}, 3 too much`,
    });
  });
});

describe('checkBinding', () => {
  it('stops at maxStorageBufferBindingSize', () => {
    const allowed = device.limits.maxStorageBufferBindingSize;

    checkBinding(device, 'conv2d', 'input', allowed);
    const error = failure(() => checkBinding(device, 'conv2d', 'input', allowed + 4));
    expect(error.message).toContain('conv2d: input: ');
    expect(error.message).toContain('maxStorageBufferBindingSize');
  });
});

describe('checkWorkgroups', () => {
  it.each([0, 1, 2])('stops at maxComputeWorkgroupsPerDimension along axis %i', (axis) => {
    const allowed = device.limits.maxComputeWorkgroupsPerDimension;
    const counts = (count: number) =>
      [0, 1, 2].map((index) => (index === axis ? count : 1)) as [number, number, number];

    checkWorkgroups(device, 'conv2d', counts(allowed));
    const { parameter } = failure(() => checkWorkgroups(device, 'conv2d', counts(allowed + 1)));
    expect(parameter).toBe(`workgroups along ${'xyz'[axis]}`);
  });
});
