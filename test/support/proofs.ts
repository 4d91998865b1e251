import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { type Golden, goldenBatch, goldenParameters } from '../golden/read.js';
import { inferOnDevice, trainRecorded } from '../networks/deviceRun.js';
import { crossings, expectTraining, type TrainingTask, trainReference } from '../networks/trainingRun.js';
import { expectConvolution } from '../ops/convolutionCase.js';
import { goldenConvolutions } from '../ops/goldenConvolutions.js';
import { networkForward } from '../reference/network.js';
import { adamW, trainInPieces } from '../train/smallTraining.js';
import { catalogueSteps, compileStep, lacksFor } from './catalogueSteps.js';
import { disturbance, roundingBound } from './rounding.js';
import { expectClose } from './tolerance.js';

/*
 * What is held of every implementation of WebGPU, in whatever runtime: each says how much it held to something, and throws where
 * that was wrong.
 */

/** What of the catalogue was compiled. */
export interface CompiledCatalogue {
  readonly kernels: number;
  /** Names of those that ask for a feature that the device lacks. */
  readonly notForThisDevice: readonly string[];
}

/** Compiles every kernel of the catalogue that the device has the features for. */
export async function compileCatalogue(device: GPUDevice): Promise<CompiledCatalogue> {
  const steps = catalogueSteps(device);
  const without = new Set(steps.filter((step) => lacksFor(device, step)).map(({ kernel }) => kernel.name));
  const compiled = new Set<string>();
  for (const step of steps) {
    if (lacksFor(device, step)) continue;
    compiled.add((await compileStep(device, step)).label);
  }
  return { kernels: compiled.size, notForThisDevice: [...without] };
}

/** Holds convolutions, forward and backward, to the golden ones. */
export async function holdConvolutions(device: GPUDevice, golden: Golden): Promise<number> {
  const cases = goldenConvolutions(golden);
  for (const [index, { one, expected }] of cases.entries()) {
    await expectConvolution(device, one, `golden ${index}`, { expected });
  }
  return cases.length;
}

/** The golden ResNets that are held to their logits. */
export const inferredNetworks = ['resnet8', 'ic_resnet8', 'ic_resnet20'] as const;

/** Holds the logits of a ResNet's inference to the golden ones. */
export async function holdInference(device: GPUDevice, name: string, golden: Golden): Promise<number> {
  const network = goldenNetwork(golden);
  const { x, shape } = goldenBatch(golden, 10);
  const start = goldenStart(golden, network);
  const expected = golden.tensor('eval.logits').data;
  const { parameters } = disturbance(network, shape[0], false, 1);
  const disturbed = networkForward(network, parameters(start), x, { training: false });
  const logits = await inferOnDevice(device, network, start, x);
  expectClose(logits, expected, roundingBound(expected, [disturbed.logits]), `${name} logits`);
  return logits.length;
}

/** Holds a training step to the golden one: logits, every gradient, the running statistics; and to float64 what it makes of the state. */
export async function holdTrainingStep(device: GPUDevice, golden: Golden): Promise<number> {
  const network = goldenNetwork(golden);
  const { x: images, labels } = goldenBatch(golden, 10);
  const sgd = { learningRate: 0.1, momentum: 0.9, weightDecay: 0, nesterov: false };
  const task: TrainingTask = { network, start: goldenStart(golden, network), images, labels, sgd, steps: 1 };
  const { values, branches } = await trainRecorded(device, task);
  const { exact, bound } = expectTraining(task);
  // Where rounding decides, the device may take other branches than the file, and float64 goes along.
  const agrees = crossings(exact, branches).length === 0;
  const along = agrees ? exact : trainReference(task, { branches });
  const isInFile = (name: string) => agrees && name !== 'losses' && golden.names.includes(name);
  const tensors = [...values].filter(([name]) => name !== 'ranks');
  for (const [name, got] of tensors) {
    expectClose(got, isInFile(name) ? golden.tensor(name).data : along.values.get(name)!, bound(name), name);
  }
  return tensors.length;
}

/** Sees that training that is stopped and resumed ends bit for bit as one that is not. */
export async function holdResume(device: GPUDevice): Promise<number> {
  const changes = { steps: 8, optimiser: { ...adamW, clipNorm: 1 }, augmentation: { padding: 1, flip: true } };
  const whole = await trainInPieces(device, changes, []);
  const resumed = await trainInPieces(device, changes, [3, 6]);
  if (whole.file.length !== resumed.file.length || whole.file.some((byte, i) => byte !== resumed.file[i])) {
    throw new Error('resumed, the training ended otherwise');
  }
  if (whole.losses.join() !== resumed.losses.join()) throw new Error('resumed, the losses were others');
  return whole.losses.length;
}

function goldenNetwork({ metadata }: Golden): Network {
  const [, channels, height, width] = metadata.input as [number, number, number, number];
  return cifarResNet({
    depth: metadata.depth as number,
    ic: metadata.ic as boolean,
    width: metadata.width as number,
    input: { height, width, channels },
  });
}

function goldenStart({ metadata }: Golden, network: Network): Map<string, Float32Array<ArrayBuffer>> {
  const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
  return goldenParameters(metadata.parameters as string[], (name) => shapes.get(name)!);
}
