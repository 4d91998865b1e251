import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { cifarResNet, imageNetResNet } from '../../src/models/resnet.js';
import { type Golden, goldenBatch, goldenParameters, loadGolden } from '../golden/load.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { distance, disturbance, roundingBound } from '../support/rounding.js';
import { expectClose } from '../support/tolerance.js';
import { inferOnDevice, trainOnDevice, trainRecorded } from './deviceRun.js';
import {
  type Crossing,
  crossings,
  expectTraining,
  type TrainingExpectation,
  type TrainingRun,
  type TrainingTask,
  trainReference,
} from './trainingRun.js';

const table: string[] = [];

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(async () => {
  process.stdout.write(`  share of bound  largest error / largest value\n${table.join('\n')}\n`);
  await closeTestDevice();
});

/** Holds tensors to their bounds and notes the one that is closest to failing. */
function expectTensors(
  what: string,
  tensors: readonly string[],
  actual: (tensor: string) => ArrayLike<number>,
  expected: (tensor: string) => ArrayLike<number>,
  bound: (tensor: string) => Float64Array,
): void {
  expect(tensors.length, what).toBeGreaterThan(0);
  const rows = tensors.map((tensor) => {
    const [got, wanted] = [actual(tensor), expected(tensor)];
    const share = expectClose(got, wanted, bound(tensor), `${what} ${tensor}`);
    return { tensor, share, relative: distance(got, wanted) / distance(wanted, new Float64Array(wanted.length)) };
  });
  const worst = rows.reduce((most, row) => (row.share > most.share ? row : most));
  const relative = worst.relative.toExponential(1);
  table.push(`  ${worst.share.toFixed(4)}  ${relative}  ${what}: ${worst.tensor} of ${tensors.length}`);
}

/** The formula-made parameters of a golden file for a network. */
function startOf(golden: Golden, network: Network): Map<string, Float32Array<ArrayBuffer>> {
  const shapes = new Map(networkParameters(network).map(({ name, shape }) => [name, shape]));
  return goldenParameters(golden.metadata.parameters as string[], (name) => shapes.get(name)!);
}

/** Holds the logits of inference to the golden ones. */
async function expectInference(name: string, golden: Golden, network: Network): Promise<void> {
  const { x, shape } = goldenBatch(golden, 10);
  const start = startOf(golden, network);
  const logits = await inferOnDevice(device, network, start, x);
  const expected = golden.tensor('eval.logits').data;
  const { parameters } = disturbance(network, shape[0], false, 1);
  const disturbed = networkForward(network, parameters(start), x, { training: false });
  const bound = roundingBound(expected, [disturbed.logits]);
  expectTensors(
    name,
    ['eval.logits'],
    () => logits,
    () => expected,
    () => bound,
  );
}

describe.each([
  ['ic_resnet8', 8],
  ['resnet8', 8],
  ['ic_resnet20', 20],
] as const)('%s', (name, depth) => {
  const golden = loadGolden(name);
  const { x: images, shape, labels } = goldenBatch(golden, 10);
  const network = cifarResNet({
    depth,
    ic: golden.metadata.ic as boolean,
    width: golden.metadata.width as number,
    input: { height: shape[1], width: shape[2], channels: shape[3] },
  });
  const { lr, momentum, weight_decay, nesterov } = golden.metadata.sgd as Record<string, number> & {
    nesterov: boolean;
  };
  const sgd = { learningRate: lr!, momentum: momentum!, weightDecay: weight_decay!, nesterov };
  const task: TrainingTask = { network, start: startOf(golden, network), images, labels, sgd, steps: 3 };

  let run: TrainingRun;
  let recorded: TrainingRun;
  let expectation: TrainingExpectation;
  /** Float64 along the branches of the device, and where it would have taken others: none in most cases. */
  let along: TrainingRun;
  let crossed: readonly Crossing[];

  beforeAll(async () => {
    run = await trainOnDevice(device, task);
    recorded = await trainRecorded(device, task);
    expectation = expectTraining(task);
    const { exact } = expectation;
    const agrees = crossings(exact, recorded.branches).length === 0;
    along = agrees ? exact : trainReference(task, { branches: recorded.branches });
    crossed = crossings(along, recorded.branches);
  }, 400_000);

  /** The golden tensors of some steps, or those of float64 along the device's branches where it took others by then. */
  const holdsTensors = (what: string, pattern: RegExp, steps: number): void => {
    const tensors = golden.names.filter((tensor) => pattern.test(tensor));
    const crosses = crossed.some(({ step }) => step < steps);
    expectTensors(
      `${name} ${what}`,
      tensors,
      (tensor) => run.values.get(tensor)!,
      (tensor) => (crosses ? along.values.get(tensor)! : golden.tensor(tensor).data),
      expectation.bound,
    );
  };

  it('gives the logits of inference', () => expectInference(name, golden, network), 400_000);

  it('gives the same bits whether memory is used again or not', () => {
    expect([...run.values.keys()]).toEqual([...recorded.values.keys()]);
    for (const [tensor, values] of run.values) expect(values, tensor).toEqual(recorded.values.get(tensor));
  });

  it('takes another branch than float64 only where rounding decides', () => {
    for (let step = 0; step < task.steps; step++) {
      const here = crossed.filter((crossing) => crossing.step === step);
      if (here.length === 0) continue;
      const excesses = here.map(({ excess }) => excess);
      const bounds = here.map(({ layer, index }) => expectation.branchBound(step, layer)[index]!);
      const share = expectClose(new Float64Array(here.length), excesses, bounds, `${name} other branches`);
      table.push(
        `  ${share.toFixed(4)}           ${name} step ${step + 1}: ${here.length} branches other than in float64`,
      );
    }
  });

  it('gives the logits of a training step', () => holdsTensors('training logits', /^train\.logits$/, 1));
  it('gives every gradient', () => holdsTensors('gradients', /^grad\./, 1));
  it('moves the running statistics', () => holdsTensors('running statistics', /^after1\./, 1));
  it('gives the losses of three steps', () => holdsTensors('losses', /^losses$/, 3));
  it('trains everything for three steps', () => holdsTensors('after three steps', /^after3\./, 3));
});

describe.each([
  ['ic_resnet18', 18, true],
  ['resnet50', 50, false],
  ['ic_resnet50', 50, true],
] as const)('%s', (name, depth, ic) => {
  it('gives the logits of inference', async () => {
    const golden = loadGolden(name);
    const [, , height, width] = golden.metadata.input as [number, number, number, number];
    await expectInference(name, golden, imageNetResNet({ depth, ic, input: { height, width, channels: 3 } }));
  }, 400_000);
});
