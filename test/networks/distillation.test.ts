import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBuffer } from '../../src/device/buffers.js';
import { compileInference } from '../../src/graph/inference.js';
import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { createState, readTensors, writeState } from '../../src/graph/state.js';
import { compileTraining } from '../../src/graph/training.js';
import { cifarResNet } from '../../src/models/resnet.js';
import type { DistillationLoss } from '../../src/ops/distillation.js';
import { type Golden, goldenBatch, goldenParameters, loadGolden } from '../golden/load.js';
import { divergenceReference, squaredDistanceReference } from '../reference/distillation.js';
import { crossEntropyReference } from '../reference/loss.js';
import { networkForward, networkGradients, type Parameters } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { disturbance, roundingBound } from '../support/rounding.js';
import { expectClose } from '../support/tolerance.js';
import { readRange, submit, trainRecorded } from './deviceRun.js';
import { type Branches, crossings, trainReference } from './trainingRun.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

/** WGSL allows a logarithm an error of 2^-21; the divergence of a class is a difference of two, times T^2. */
const logarithmError = 2 ** -21;

type Values = ReadonlyMap<string, ArrayLike<number>>;

describe.each(['wld_mse', 'wld_kl'])('%s', (name) => {
  const golden = loadGolden(name);
  const { mode, temperature, weight } = golden.metadata as { mode: 'mse' | 'kl'; temperature: number; weight: number };
  const loss: DistillationLoss = mode === 'mse' ? { loss: mode } : { loss: mode, temperature };
  const logarithms = (mode === 'mse' ? 1 : 1 + 2 * temperature ** 2) * logarithmError;
  const { x: images, shape, labels } = goldenBatch(golden, 10);
  const input = { height: shape[1], width: shape[2], channels: shape[3] };
  const [student, teacher] = [true, false].map((ic) => cifarResNet({ depth: 8, ic, input })) as [Network, Network];
  const start = parametersOf('ic_resnet8', student);
  const teacherStart = parametersOf('resnet8', teacher);

  /** The whole step in float64, along given branches, or disturbed. */
  function inFloat64({ branches, seed }: { branches?: Branches | undefined; seed?: number } = {}): Values {
    const off = seed === undefined ? undefined : disturbance(student, labels.length, true, seed);
    const teacherOff = seed === undefined ? undefined : disturbance(teacher, labels.length, false, 50 + seed);
    const own: Parameters = off ? off.parameters(start) : start;
    const theirs: Parameters = teacherOff ? teacherOff.parameters(teacherStart) : teacherStart;
    const pass = networkForward(student, own, images, { training: true });
    const leading = networkForward(teacher, theirs, images, { training: false });
    const operands = { logits: pass.logits, teacher: leading.logits, classes: 10 };
    const ce = crossEntropyReference({ logits: pass.logits, labels, classes: 10 });
    const far = mode === 'mse' ? squaredDistanceReference(operands) : divergenceReference(operands, temperature);
    const dLogits = ce.dLogits.map((value, i) => value + weight * far.dLogits[i]!);
    const { gradients } = networkGradients(pass, dLogits, {
      ...(branches && { branches }),
      ...(off && { disturb: off.disturb }),
    });
    return new Map<string, ArrayLike<number>>([
      ['student.logits', pass.logits],
      ['teacher.logits', leading.logits],
      ['loss', [ce.loss + weight * far.distance]],
      ['distillation', [far.distance]],
      ...[...gradients].map(([key, value]) => [`grad.${key}`, value] as const),
    ]);
  }

  it('gives both logits, the loss, its distillation part and every gradient', async () => {
    const values = await onDevice();
    const task = { network: student, start, images, labels, sgd: noUpdate, steps: 1 };
    const taken = (await trainRecorded(device, task)).branches;
    const crosses = crossings(trainReference(task), taken).length > 0;
    const exact = inFloat64();
    const along = crosses ? inFloat64({ branches: taken[0] }) : undefined;
    const disturbed = [1, 2].map((seed) => inFloat64({ branches: taken[0], seed }));
    expect([...values.keys()].sort()).toEqual([...golden.names].sort());
    for (const tensor of golden.names) {
      const undisturbed = (along ?? exact).get(tensor)!;
      const bound = roundingBound(
        undisturbed,
        disturbed.map((run) => run.get(tensor)!),
      );
      const expected = along?.get(tensor) ?? golden.tensor(tensor).data;
      expectClose(golden.tensor(tensor).data, exact.get(tensor)!, bound, `${name} ${tensor}, golden`);
      const own = ['loss', 'distillation'].includes(tensor) ? logarithms : 0;
      const withOwn = bound.map((value) => value + own);
      expectClose(values.get(tensor)!, expected, withOwn, `${name} ${tensor}`);
    }
  }, 300_000);

  /** The teacher and the student's step in one submit, from one input buffer. */
  async function onDevice(): Promise<Values> {
    const [state, teacherState] = [createState(device, student), createState(device, teacher)];
    writeState(state, start);
    writeState(teacherState, teacherStart);
    const leading = await compileInference(teacherState, { batch: labels.length });
    const step = await compileTraining(state, {
      batch: labels.length,
      input: leading.input,
      distillation: { ...loss, teacherLogits: leading.output },
    });
    expect(step.input).toBe(leading.input);
    writeBuffer(device, leading.input.buffer, images);
    writeBuffer(device, step.labels.buffer, labels);
    step.distillation!.setWeight(weight);
    submit(device, (pass) => {
      leading.encode(pass);
      step.encode(pass);
    });
    const mean = (all: Float32Array): number => all.reduce((sum, value) => sum + value, 0) / all.length;
    const distance = mean(await readRange(device, step.distillation!.distances));
    const values = new Map<string, ArrayLike<number>>([
      ['student.logits', await readRange(device, step.logits)],
      ['teacher.logits', await readRange(device, leading.output)],
      ['loss', [mean(await readRange(device, step.losses)) + weight * distance]],
      ['distillation', [distance]],
    ]);
    for (const [key, value] of await readTensors(device, step.gradients, state.layout.trained)) {
      values.set(`grad.${key}`, value);
    }
    for (const one of [step, leading, state, teacherState]) one.dispose();
    return values;
  }
});

const noUpdate = { learningRate: 0, momentum: 0, weightDecay: 0, nesterov: false };

/** The formula-made parameters of a network, in the order that its own golden file lists them. */
function parametersOf(file: string, network: Network): Map<string, Float32Array<ArrayBuffer>> {
  const golden: Golden = loadGolden(file);
  const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
  return goldenParameters(golden.metadata.parameters as string[], (parameter) => shapes.get(parameter)!);
}
