import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { napWhileWaiting, stayAwake } from '../../src/device/naps.js';

/** Takes the place of sleeping, and counts how often that was asked for. */
let sleep: MockInstance<typeof Atomics.wait>;

beforeEach(() => {
  sleep = vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out');
});

afterEach(() => sleep.mockRestore());

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

async function turnsOf(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await turn();
}

/** A device that answers after so many turns of the event loop. */
function slowDevice(turns: number): GPUDevice {
  const later = (value: unknown) => turnsOf(turns).then(() => value);
  const device = {
    queue: { onSubmittedWorkDone: () => later('done') },
    createComputePipelineAsync: () => later('pipeline'),
    createBuffer: () => ({ mapAsync: () => later('mapped') }),
  };
  return device as unknown as GPUDevice;
}

const waits: [string, (device: GPUDevice) => Promise<unknown>, unknown][] = [
  ['onSubmittedWorkDone', (device) => device.queue.onSubmittedWorkDone(), 'done'],
  ['createComputePipelineAsync', (device) => device.createComputePipelineAsync({} as never), 'pipeline'],
  ['mapAsync', (device) => device.createBuffer({} as never).mapAsync(1), 'mapped'],
];

test.each(waits)('%s lets the processor rest at every turn while it is pending', async (_, wait, value) => {
  const device = slowDevice(20);
  napWhileWaiting(device);
  expect(await wait(device)).toBe(value);
  expect(sleep.mock.calls.length).toBeGreaterThanOrEqual(19);
  expect(sleep.mock.calls.length).toBeLessThanOrEqual(20);
  for (const [, , , milliseconds] of sleep.mock.calls) expect(milliseconds).toBe(0.5);
  sleep.mockClear();
  await turnsOf(10);
  expect(sleep).not.toHaveBeenCalled();
});

test('a wait that fails ends the naps, too', async () => {
  const device = slowDevice(1);
  device.queue.onSubmittedWorkDone = () => Promise.reject(new Error('lost'));
  napWhileWaiting(device);
  await expect(device.queue.onSubmittedWorkDone()).rejects.toThrow('lost');
  await turnsOf(10);
  expect(sleep).not.toHaveBeenCalled();
});

test('one nap a turn, however many promises follow one another', async () => {
  const device = slowDevice(1);
  napWhileWaiting(device);
  for (let wait = 0; wait < 50; wait++) await device.queue.onSubmittedWorkDone();
  expect(sleep.mock.calls.length).toBeGreaterThan(0);
  expect(sleep.mock.calls.length).toBeLessThanOrEqual(50);
});

test('one nap a turn, however many promises are pending at once', async () => {
  const device = slowDevice(20);
  napWhileWaiting(device);
  await Promise.all(Array.from({ length: 10 }, () => device.queue.onSubmittedWorkDone()));
  expect(sleep.mock.calls.length).toBeGreaterThanOrEqual(19);
  expect(sleep.mock.calls.length).toBeLessThanOrEqual(20);
});

test('a device that stays awake takes no naps', async () => {
  const device = slowDevice(20);
  napWhileWaiting(device);
  stayAwake(device, true);
  await device.queue.onSubmittedWorkDone();
  expect(sleep).not.toHaveBeenCalled();
  stayAwake(device, false);
  await device.queue.onSubmittedWorkDone();
  expect(sleep).toHaveBeenCalled();
});
