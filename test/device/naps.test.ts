import { expect, test } from 'vitest';
import { napWhileWaiting, stayAwake } from '../../src/device/naps.js';

/** A device that answers after a while, and counts how often the event loop turns until then. */
function slowDevice(milliseconds: number) {
  let turns = 0;
  const later = (value: unknown) =>
    new Promise((resolve) => {
      const started = performance.now();
      const look = () => {
        turns += 1;
        if (performance.now() - started >= milliseconds) resolve(value);
        else setImmediate(look);
      };
      look();
    });
  const device = {
    queue: { onSubmittedWorkDone: () => later('done') },
    createComputePipelineAsync: () => later('pipeline'),
    createBuffer: () => ({ mapAsync: () => later('mapped') }),
  };
  return { device: device as unknown as GPUDevice, turns: () => turns };
}

const waits: [string, (device: GPUDevice) => Promise<unknown>, unknown][] = [
  ['onSubmittedWorkDone', (device) => device.queue.onSubmittedWorkDone(), 'done'],
  ['createComputePipelineAsync', (device) => device.createComputePipelineAsync({} as never), 'pipeline'],
  ['mapAsync', (device) => device.createBuffer({} as never).mapAsync(1), 'mapped'],
];

test.each(waits)('%s lets the processor rest while it is pending', async (_, wait, value) => {
  const { device, turns } = slowDevice(60);
  napWhileWaiting(device);
  expect(await wait(device)).toBe(value);
  // At least 0.5 ms a turn; without naps there are thousands.
  expect(turns()).toBeLessThan(130);
});

test('a wait that fails ends the naps, too', async () => {
  const { device } = slowDevice(1);
  device.queue.onSubmittedWorkDone = () => Promise.reject(new Error('lost'));
  napWhileWaiting(device);
  await expect(device.queue.onSubmittedWorkDone()).rejects.toThrow('lost');
  const started = performance.now();
  let turns = 0;
  await new Promise<void>((resolve) => {
    const look = () => {
      turns += 1;
      if (performance.now() - started > 30) resolve();
      else setImmediate(look);
    };
    look();
  });
  expect(turns).toBeGreaterThan(200);
});

test('one nap a turn, however many promises follow one another', async () => {
  const { device, turns } = slowDevice(1);
  napWhileWaiting(device);
  for (let wait = 0; wait < 50; wait++) await device.queue.onSubmittedWorkDone();
  const before = turns();
  const started = performance.now();
  for (let wait = 0; wait < 20; wait++) await device.queue.onSubmittedWorkDone();
  // A nap of half a millisecond and what the timer adds; naps that had piled up would take dozens of them.
  expect((performance.now() - started) / (turns() - before)).toBeLessThan(2);
});

test('a device that stays awake takes no naps', async () => {
  const { device, turns } = slowDevice(30);
  napWhileWaiting(device);
  stayAwake(device, true);
  await device.queue.onSubmittedWorkDone();
  expect(turns()).toBeGreaterThan(200);
  stayAwake(device, false);
  const awake = turns();
  await device.queue.onSubmittedWorkDone();
  expect(turns() - awake).toBeLessThan(65);
});
