import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { drawnDigits } from '../../src/demo/data/digits.js';
import { compileUnit } from '../../src/demo/worker/unit.js';
import { isICUnit } from '../../src/graph/network.js';
import { createState, writeState } from '../../src/graph/state.js';
import { decodeCheckpoint, restoreState } from '../../src/train/checkpoint.js';
import { randomState } from '../graph/networks.js';
import { offsetNetworks } from '../networks/smallNetworks.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';

afterAll(closeTestDevice);

it('takes the first IC convolution apart: y = z + relu(z - a S)', async () => {
  const { device } = await testDevice();
  const file = resolve(import.meta.dirname, '../../src/demo/models/digits.safetensors');
  const state = restoreState(device, decodeCheckpoint(new Uint8Array(await readFile(file)), 'digits'));
  const unit = await compileUnit(state);
  try {
    expect(unit.layer).toMatchObject({ stride: [1, 1] });
    const { images } = drawnDigits('digits', 4, 1);
    const [z0, z1] = [0.13, 0.31];
    const values = Float32Array.from(images.subarray(3 * 784, 4 * 784), (value) => (value / 255 - z0) / z1);
    const input = await unit.ahead(values);
    const [z, sums, y] = await Promise.all([unit.z(input), unit.sums(input), unit.y(input)]);
    const { outShape, adjust, weights } = unit;
    const [, height, width, filters] = outShape;
    const channels = weights.length / filters / 9;
    const at = (row: number, column: number, channel: number): number =>
      row < 0 || column < 0 || row >= height || column >= width
        ? 0
        : input[(row * width + column) * channels + channel]!;
    let fires = 0;
    for (let pixel = 0; pixel < height * width; pixel++) {
      let sum = 0;
      for (let tap = 0; tap < 9; tap++) {
        for (let channel = 0; channel < channels; channel++) {
          sum += at(Math.floor(pixel / width) + Math.floor(tap / 3) - 1, (pixel % width) + (tap % 3) - 1, channel);
        }
      }
      expect(Math.abs(sums[pixel]! - sum)).toBeLessThan(1e-4);
      for (let filter = 0; filter < filters; filter++) {
        const index = pixel * filters + filter;
        const second = Math.max(0, z[index]! - adjust[filter]! * sums[pixel]!);
        if (second > 0) fires++;
        expect(Math.abs(y[index]! - z[index]! - second)).toBeLessThan(1e-4);
      }
    }
    expect(weights).toHaveLength(filters * channels * 9);
    // It fires at some outputs and not at others: something to see.
    expect(fires / y.length).toBeGreaterThan(0.1);
    expect(fires / y.length).toBeLessThan(0.9);
  } finally {
    unit.dispose();
    state.dispose();
  }
});

it('takes units with offsets apart, of every form and fully connected: y = z + relu(z - a S + o)', async () => {
  const { device } = await testDevice();
  const network = offsetNetworks[0]!;
  const { height, width, channels } = network.input;
  const state = createState(device, network);
  writeState(state, randomState(network, 5));
  try {
    for (const { name } of network.layers.filter(isICUnit)) {
      const unit = await compileUnit(state, name);
      const input = await unit.ahead(randomArray(height * width * channels, 6));
      const [z, sums, y] = await Promise.all([unit.z(input), unit.sums(input), unit.y(input)]);
      unit.dispose();
      const { outShape, adjust, offset, groups } = unit;
      const filters = outShape[3];
      expect(z).toHaveLength(outShape[1] * outShape[2] * filters);
      y.forEach((value, index) => {
        const filter = index % filters;
        const sum = sums[Math.floor(index / filters) * groups + Math.floor((filter * groups) / filters)]!;
        const second = Math.max(0, z[index]! - adjust[filter]! * sum + offset[filter]!);
        expect(Math.abs(value - z[index]! - second), name).toBeLessThan(1e-5 * (1 + Math.abs(value)));
      });
      expect(offset.some((value) => value !== 0)).toBe(name !== 'narrow');
    }
  } finally {
    state.dispose();
  }
});
