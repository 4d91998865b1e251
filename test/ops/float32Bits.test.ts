import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeDevice, openDevice } from '../../src/device/node.js';
import { planBatchNormFold, planBatchNormInference } from '../../src/ops/batchNorm.js';
import { planConcat } from '../../src/ops/concat.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planDense } from '../../src/ops/dense.js';
import type { ChooseForm, Form } from '../../src/ops/forms.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { planAdd, planRelu } from '../../src/ops/pointwise.js';
import { planMaxPool, planMeanPool } from '../../src/ops/pool.js';
import { planSoftmax } from '../../src/ops/softmax.js';
import { planTranspose } from '../../src/ops/transpose.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';

/*
 * Float32 is to give the same bits whatever else kernels learn to store. Forms are given, so that nothing hangs on the cost
 * model. A change of what is added in which order is a change of these sums, and is recorded anew.
 */
let opened: NodeDevice;

beforeAll(async () => {
  // GPUs round as their makers like.
  opened = await openDevice({ adapter: 'software', label: 'tests' });
});

afterAll(() => opened?.close());

const shape = {
  batch: 2,
  inHeight: 7,
  inWidth: 9,
  inChannels: 12,
  outChannels: 20,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
} as const;
const depthwise = { ...shape, outChannels: 12, groups: 12 };
const everything = { bias: true, scaleShift: true, residual: true, relu: true } as const;
const traits = { subgroup: 4, software: true };
const tile = { blockRows: 64, blockColumns: 16, blockDepth: 4, threadRows: 4, threadColumns: 4, half: 0 };
const lanes = { read: 1, fold: 1, vector: 4, vectors: 1, pixels: 3, rows: 2, taps: 3, textures: 0 };

const as =
  (form: Form, product?: Form): ChooseForm =>
  ({ operation }) =>
    operation === 'winogradProduct' ? product! : form;
const naive: Form = { family: 'naive', tile: {} };
const tiled: Form = { family: 'tiled', tile: { ...tile, splits: 1 } };
const split: Form = { family: 'tiled', tile: { ...tile, splits: 3 } };
const subgroup: Form = { family: 'subgroup', tile: lanes };
const winograd = (edge: number): ChooseForm => as({ family: 'winograd', tile: { edge } }, tiled);
const pool = {
  batch: 2,
  inHeight: 7,
  inWidth: 9,
  channels: 12,
  kernel: [3, 2],
  stride: [2, 2],
  padding: [1, 1],
} as const;

const cases: readonly [name: string, plan: OperationPlan, sum: string][] = [
  ['naive', convolution(as(naive)), '7262e543'],
  ['tiled', convolution(as(tiled)), '273e59c7'],
  ['split', convolution(as(split)), '4d318526'],
  ['subgroup', convolution(as(subgroup)), '7f4e097f'],
  ['winograd F(2x2)', convolution(winograd(2)), '9159252e'],
  ['winograd F(4x4)', convolution(winograd(4)), 'd94daf7b'],
  [
    'depthwise',
    planConvolution(depthwise, { ...everything, adjust: 'input', family: 'depthwise' }, traits),
    'd73a63b0',
  ],
  [
    'dense',
    planDense({ batch: 3, inFeatures: 21, outFeatures: 10 }, { bias: true }, { ...traits, choose: as(tiled) }),
    '5727a086',
  ],
  ['add', planAdd(259, { relu: true, maximum: 1 }), '3a745615'],
  ['relu', planRelu(258), '624a8058'],
  ['max pool', planMaxPool(pool), '82ec6c27'],
  ['mean pool', planMeanPool(pool, { countPadding: false }), '699e44e3'],
  ['concat', planConcat({ pixels: 7, channels: [6, 4] }), 'bb1f567'],
  ['transpose', planTranspose({ batch: 2, rows: 5, columns: 7 }), '25f4e8a6'],
  ['batch norm', planBatchNormInference({ pixels: 11, channels: 6 }, { residual: true, relu: true }), '5ab0838'],
  ['batch norm fold', planBatchNormFold(7, 1e-5), '2f03e7f2'],
  ['softmax', planSoftmax(3, 11), '22218dff'],
];

describe('float32 gives the recorded bits', () => {
  it.each(cases)('%s', async (_, plan, sum) => {
    const inputs = Object.entries(plan.operands).filter(([, { use }]) => use === 'input' || use === 'inout');
    const values = inputs.map(([name, { bytes }], index) => {
      const random = randomArray(bytes / 4, index + 1);
      return [name, name === 'runningVariance' ? random.map(Math.abs) : random];
    });
    const result = await runPlan(opened.device, plan, Object.fromEntries(values));
    expect(checksum(result.integers('output' in plan.operands ? 'output' : 'scaleShift'))).toBe(sum);
  });
});

function convolution(choose: ChooseForm): OperationPlan {
  return planConvolution(shape, { ...everything, adjust: 'output' }, { ...traits, choose });
}

/** FNV-1a of the words. */
function checksum(words: Uint32Array): string {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return (hash >>> 0).toString(16);
}
