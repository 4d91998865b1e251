import { afterAll, beforeAll, expect, it } from 'vitest';
import { planConvolution } from '../../src/ops/convolutionForward.js';
import type { ChooseForm, Form } from '../../src/ops/forms.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { convolutionReference } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan } from '../support/runPlan.js';

/** The table of docs/numerics.md: error against float64, as a share of the largest output. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
const shape = { batch: 1, inHeight: 14, inWidth: 14, inChannels: 64, outChannels: 64, ...windows };

const kinds: readonly [name: string, matches: (form: Form) => boolean, most: number][] = [
  ['naive', ({ family }) => family === 'naive', 2e-6],
  ['subgroup', ({ family }) => family === 'subgroup', 2e-6],
  ['tiled', ({ family, tile }) => family === 'tiled' && tile.half !== 1, 2e-6],
  ['winograd F(2x2)', ({ family, tile }) => family === 'winograd' && tile.edge === 2, 4e-6],
  ['winograd F(4x4)', ({ family, tile }) => family === 'winograd' && tile.edge === 4, 1e-4],
  ['tiled in float16', ({ family, tile }) => family === 'tiled' && tile.half === 1, 3e-2],
];

it('of every family stays within what docs/numerics.md says', async () => {
  const input = Float32Array.from({ length: 14 * 14 * 64 }, (_, i) => Math.sin(i * 12.9898) * 2);
  const filter = Float32Array.from({ length: 9 * 64 * 64 }, (_, i) => Math.sin(i * 78.233) / 24);
  const { y } = convolutionReference({
    ...{ x: input, shape: [1, 14, 14, 64], filter, filterShape: [3, 3, 64, 64], mode: 'none', ...windows },
  });
  const largest = y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const half = device.features.has('shader-f16');
  const measured: string[] = [];
  const faults: string[] = [];
  for (const [name, matches, most] of kinds) {
    let asked = false;
    const choose: ChooseForm = ({ forms }) => {
      const form = forms.find(({ family, tile, body }) => matches({ family, tile }) && body <= 300);
      asked ||= form !== undefined;
      return form ?? forms.find(({ family }) => family === 'naive')!;
    };
    const plan = planConvolution(shape, {}, { ...deviceTraits(device, choose), half });
    if (!asked) continue;
    // That it is this family's kernel that is measured: direct ones add in the same order, and err alike.
    const kernel = name.startsWith('winograd') ? 'winograd_input' : `conv2d_${name.split(' ')[0]}`;
    expect(
      plan.steps.map((step) => step.kernel.name),
      name,
    ).toContain(kernel);
    const output = (await runPlan(device, plan, { input, filter })).floats('output');
    const errors = Array.from(output, (value, i) => Math.abs(value - y[i]!) / largest);
    const worst = Math.max(...errors);
    const root = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
    measured.push(`${name}: worst ${worst.toExponential(1)}, root mean square ${root.toExponential(1)}`);
    faults.push(...(worst < most ? [] : [`${name}: ${worst}`]));
  }
  process.stdout.write(`${measured.join('\n')}\n`);
  expect(faults).toEqual([]);
  expect(measured.length).toBeGreaterThanOrEqual(5);
});
