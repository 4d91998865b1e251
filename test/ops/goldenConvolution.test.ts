import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Family } from '../../src/ops/forms.js';
import { loadGolden } from '../golden/load.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { expectConvolution } from './convolutionCase.js';
import { noteShares, printShares } from './convolutionShares.js';
import { goldenConvolutions } from './goldenConvolutions.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);
afterAll(printShares);

const golden = loadGolden('conv');
const cases = goldenConvolutions(golden);

it('are all there', () => {
  expect(cases).toHaveLength(23);
});

describe.each<Family | undefined>(['naive', undefined])('golden convolutions, family %s', (family) => {
  it.each(
    (golden.metadata.cases as object[]).map((described, index) => [index, described]),
  )('case %i: %o', async (index) => {
    const { one, expected } = cases[index as number]!;
    const shares = await expectConvolution(device, one, `golden ${index}`, { family, expected });
    noteShares(`golden, ${family ?? 'automatic'}`, shares);
  });
});
