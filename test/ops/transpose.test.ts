import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planTranspose } from '../../src/ops/transpose.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { permute } from '../support/layout.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

describe.each([
  [1, 1, 1],
  [1, 64, 1],
  [3, 1, 7],
  [2, 9, 4],
  [5, 13, 17],
])('%i matrices of %i rows and %i columns', (batch, rows, columns) => {
  const input = randomArray(batch * rows * columns, 1);
  const turned = permute(input, [batch, 1, rows, columns], [0, 1, 3, 2]);

  it('are turned round, alone and added', async () => {
    const alone = await runPlan(device, planTranspose({ batch, rows, columns }), { input });
    expectClose(alone.floats('output'), turned, 0, 'transpose');
    const output = randomArray(turned.length, 2);
    const sum = turned.map((value, index) => value + output[index]!);
    const added = await runPlan(device, planTranspose({ batch, rows, columns }, { accumulate: true }), {
      input,
      output,
    });
    const bounds = sum.map((value) => EPSILON * Math.abs(value));
    expectClose(added.floats('output'), sum, bounds, 'transpose, accumulated');
  });
});

it('refuses sizes that are none', () => {
  expect(() => planTranspose({ batch: 1, rows: 0, columns: 2 })).toThrow(
    'transpose: rows: expected a positive integer',
  );
});
