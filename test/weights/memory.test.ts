import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { createState, readTensors } from '../../src/graph/state.js';
import { openFile } from '../../src/io/openFile.js';
import { planSafetensors } from '../../src/io/safetensors.js';
import { writeAtomically } from '../../src/io/writeAtomically.js';
import { networkByName } from '../../src/models/networkByName.js';
import { loadWeights } from '../../src/weights/load.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;
let folder: string;
beforeAll(async () => {
  ({ device } = await testDevice());
  folder = await mkdtemp(join(tmpdir(), 'weights-'));
});
afterAll(async () => {
  await closeTestDevice();
  await rm(folder, { recursive: true, force: true });
});

const mebibyte = 2 ** 20;

it('loads a ResNet-50 while the host holds less than half of its file', async () => {
  const network = networkByName('resnet50');
  const specs = networkParameters(network).filter(({ role }) => role !== 'batchesTracked');
  const { start, order, dataBytes } = planSafetensors(specs.map(({ name, shape }) => [name, { dtype: 'F32', shape }]));
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield start;
    for (const index of order)
      yield new Uint8Array(new Float32Array(elementCount(specs[index]!.shape)).fill(index).buffer);
  }
  const path = join(folder, 'resnet50.safetensors');
  await writeAtomically(path, pieces());
  const state = createState(device, network);
  // Memory that the device takes only when it is written to must not count as the host's.
  const ones = new Float32Array(mebibyte / 4).fill(1);
  for (let offset = 0; offset + mebibyte <= state.trained.size; offset += mebibyte) {
    device.queue.writeBuffer(state.trained, offset, ones);
    await device.queue.onSubmittedWorkDone();
  }
  // Nor what the file was made of, which is collected at some time.
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const before = process.memoryUsage();
  let arrays = 0;
  let resident = 0;
  await loadWeights(state, await openFile(path), {
    onProgress() {
      const now = process.memoryUsage();
      arrays = Math.max(arrays, now.arrayBuffers - before.arrayBuffers);
      resident = Math.max(resident, now.rss - before.rss);
    },
  });
  // The largest tensor has 9 MiB, the pieces in work 8; the rest is the driver's copies.
  expect(arrays).toBeGreaterThan(0);
  expect(arrays).toBeLessThan(20 * mebibyte);
  expect(resident).toBeLessThan(40 * mebibyte);
  expect(dataBytes).toBeGreaterThan(97 * mebibyte);
  const last = state.layout.trained.at(-1)!;
  const [[, bias]] = (await readTensors(device, state.trained, [last])) as [[string, Float32Array]];
  expect(bias[0]).toBe(specs.findIndex(({ name }) => name === last.name));
  state.dispose();
});
