import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { networkParameters } from '../../src/graph/parameters.js';
import { createState, readTensors } from '../../src/graph/state.js';
import type { ByteSource } from '../../src/io/byteSource.js';
import { planSafetensors } from '../../src/io/safetensors.js';
import { networkByName } from '../../src/models/networkByName.js';
import { loadWeights } from '../../src/weights/load.js';
import { countAllocations } from '../support/allocations.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const mebibyte = 2 ** 20;

/** A file whose numbers all have the same bytes, made as it is read. */
function endlessFile(start: Uint8Array, size: number, value: number): ByteSource {
  const bytes = new Uint8Array(Float32Array.of(value).buffer);
  return {
    name: 'endless',
    size,
    async read(offset, target) {
      for (let i = 0; i < target.length; i++) {
        target[i] = offset + i < start.length ? start[offset + i]! : bytes[(offset + i - start.length) % 4]!;
      }
      return target.length;
    },
    async close() {},
  };
}

/** Notes how many bytes wait for the device: those written since it was last waited for. */
function watchQueue({ queue }: GPUDevice) {
  let waiting = 0;
  const noted = { most: 0, all: 0 };
  const write = queue.writeBuffer.bind(queue);
  const writing = vi.spyOn(queue, 'writeBuffer').mockImplementation((buffer, offset, data, ...rest) => {
    waiting += data.byteLength;
    noted.all += data.byteLength;
    noted.most = Math.max(noted.most, waiting);
    write(buffer, offset, data, ...rest);
  });
  const wait = queue.onSubmittedWorkDone.bind(queue);
  const waited = vi.spyOn(queue, 'onSubmittedWorkDone').mockImplementation(async () => {
    await wait();
    waiting = 0;
    return undefined;
  });
  const restore = (): void => {
    writing.mockRestore();
    waited.mockRestore();
  };
  return { noted, restore };
}

it('loads a ResNet-50 while the host holds less than a third of its file', async () => {
  const network = networkByName('resnet50');
  const specs = networkParameters(network).filter(({ role }) => role !== 'batchesTracked');
  const { start, dataBytes } = planSafetensors(specs.map(({ name, shape }) => [name, { dtype: 'F32', shape }]));
  const state = createState(device, network);
  const file = endlessFile(start, start.length + dataBytes, 3);
  const { noted, restore } = watchQueue(device);
  const allocated = await countAllocations(() => loadWeights(state, file));
  restore();
  // The largest tensor has 9 MiB, the pieces in work 8: all that is allocated at any time, though none of it were freed.
  expect(allocated).toBeGreaterThan(9 * mebibyte);
  expect(allocated).toBeLessThan(20 * mebibyte);
  // What the driver holds besides.
  expect(noted.most).toBeLessThanOrEqual(8 * mebibyte);
  expect(noted.all).toBe(dataBytes);
  expect(dataBytes).toBeGreaterThan(97 * mebibyte);
  for (const place of [state.layout.trained[0]!, state.layout.trained.at(-1)!]) {
    const [[, values]] = (await readTensors(device, state.trained, [place])) as [[string, Float32Array]];
    expect(new Set(values)).toEqual(new Set([3]));
  }
  state.dispose();
});
