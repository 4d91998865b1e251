import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/errors.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import type { ChooseForm, Form } from '../../src/ops/forms.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { convolutionReference } from '../reference/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runPlan } from '../support/runPlan.js';

/** The table of docs/numerics.md: error against float64, as a share of the largest output, in float32 and in float16 memory. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
const image = { batch: 1, inHeight: 14, inWidth: 14, inChannels: 64, outChannels: 64, ...windows };
const whole = { ...image, groups: 1 };
const dense = caseOf(whole);
const depthwise = caseOf({ ...image, groups: 64 });

const kinds: Readonly<Record<string, (form: Form) => boolean>> = {
  naive: ({ family }) => family === 'naive',
  subgroup: ({ family }) => family === 'subgroup',
  tiled: ({ family, tile }) => family === 'tiled' && tile.half !== 1,
  depthwise: ({ family }) => family === 'depthwise',
  'winograd F(2x2)': ({ family, tile }) => family === 'winograd' && tile.edge === 2,
  'winograd F(4x4)': ({ family, tile }) => family === 'winograd' && tile.edge === 4,
  'tiled in float16': ({ family, tile }) => family === 'tiled' && tile.half === 1,
  'matrix units': ({ family }) => family === 'matrix',
};

/** F(4x4) is none of them. */
const kindsInHalf = Object.keys(kinds).filter((name) => !name.endsWith('F(4x4)'));

it.each([
  'float32',
  'float16',
] as const)('of every family in %s stays within what docs/numerics.md says', async (precision) => {
  const half = device.features.has('shader-f16');
  const most = (await documentedBounds())[precision];
  expect(Object.keys(most)).toEqual(precision === 'float32' ? Object.keys(kinds) : kindsInHalf);
  if (precision === 'float16' && !half) {
    const plan = planConvolution(whole, { precision }, deviceTraits(device));
    await expect(
      runPlan(device, plan, { input: dense.input, filter: dense.filter, status: new Float32Array(4) }),
    ).rejects.toThrow(UnsupportedError);
    return;
  }
  const measured: string[] = [];
  const faults: string[] = [];
  for (const name of Object.keys(most)) {
    const matches = kinds[name]!;
    const { shape, input, filter, y, largest } = name === 'depthwise' ? depthwise : dense;
    let asked = false;
    const choose: ChooseForm = ({ forms }) => {
      const form = forms.find(({ family, tile, body }) => matches({ family, tile }) && body <= 300);
      asked ||= form !== undefined;
      return form ?? forms.find(({ family }) => family === 'naive')!;
    };
    const plan = planConvolution(shape, { precision }, { ...deviceTraits(device, choose), half });
    if (!asked) continue;
    // That it is this family's kernel that is measured: direct ones add in the same order, and err alike.
    const [first] = name.split(' ');
    const kernel = { winograd: 'winograd_input', matrix: 'conv2d_tiled' }[first!] ?? `conv2d_${first}`;
    expect(
      plan.steps.map((step) => step.kernel.name),
      name,
    ).toContain(kernel);
    const status = plan.operands.status && { status: new Float32Array(4) };
    const output = (await runPlan(device, plan, { input, filter, ...status })).floats('output');
    const errors = Array.from(output, (value, i) => Math.abs(value - y[i]!) / largest);
    const worst = Math.max(...errors);
    const root = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
    measured.push(`${name}: worst ${worst.toExponential(1)}, root mean square ${root.toExponential(1)}`);
    faults.push(...(worst <= most[name]! ? [] : [`${name}: ${worst}`]));
  }
  process.stdout.write(`${measured.join('\n')}\n`);
  expect(faults).toEqual([]);
  expect(measured.length).toBeGreaterThanOrEqual(6);
});

/** A convolution of a shape, with its outputs in float64. */
function caseOf(shape: CompleteConvolution) {
  const { inHeight, inWidth, inChannels, outChannels, groups } = shape;
  const groupIn = inChannels / groups;
  const input = Float32Array.from({ length: inHeight * inWidth * inChannels }, (_, i) => Math.sin(i * 12.9898) * 2);
  const filter = Float32Array.from({ length: 9 * groupIn * outChannels }, (_, i) => Math.sin(i * 78.233) / 24);
  const { y } = convolutionReference({
    ...{ x: input, shape: [1, inHeight, inWidth, inChannels], filter, filterShape: [3, 3, groupIn, outChannels] },
    ...{ mode: 'none', ...windows, groups },
  });
  return { shape, input, filter, y, largest: y.reduce((most, value) => Math.max(most, Math.abs(value)), 0) };
}

/** The most that docs/numerics.md allows each family, in float32 and in float16. */
async function documentedBounds(): Promise<Record<'float32' | 'float16', Record<string, number>>> {
  const page = await readFile(resolve(import.meta.dirname, '../../docs/numerics.md'), 'utf8');
  const rows = [...page.matchAll(/^\| ([^|]+) \|[^|]+\|[^|]+\| (\d\S*) \|[^|]+\|[^|]+\| (\S+) \|$/gm)];
  const column = (index: number) =>
    Object.fromEntries(rows.filter((row) => row[index] !== '-').map((row) => [row[1]!, Number(row[index])]));
  return { float32: column(2), float16: column(3) };
}
