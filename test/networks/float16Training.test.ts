import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuffer } from '../../src/device/buffers.js';
import { UnsupportedError } from '../../src/errors.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { createState, readTensors, writeState } from '../../src/graph/state.js';
import { compileTraining } from '../../src/graph/training.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import { goldenParameters } from '../golden/load.js';
import { networkBackward, networkForward, type Parameters } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { halfDisturbed } from '../support/rounding.js';
import { readRange, submit } from './deviceRun.js';
import { deviceFamilies } from './familyNetworks.js';
import { offsetNetworks } from './smallNetworks.js';
import { tensorNetworks } from './tensorNetworks.js';
import { windowNetworks } from './windowNetworks.js';

/* Whole training steps in float16 beside float64; what a device without float16 does with each is to refuse it. */
let device: GPUDevice;
const table: string[] = [];

beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(async () => {
  if (table.length > 0) {
    process.stdout.write(`  error of the gradient, of a disturbed one, of the logits\n${table.join('\n')}\n`);
  }
  await closeTestDevice();
});

/** The naive form, since each shape of every network is a kernel to compile: forms are held to their bounds elsewhere. */
const naively: ChooseForm = ({ forms }) => forms.find(({ family }) => family === 'naive')!;

const batch = 3;
const scale = 256;
const networks = Object.entries(deviceFamilies).flatMap(([family, make], index) =>
  [false, true].map((ic) => ({ name: `${ic ? 'ic-' : ''}${family}`, network: make(ic), seed: 2 * index + 1 })),
);
const others = [...tensorNetworks, ...windowNetworks, ...offsetNetworks].map((network, index) => ({
  name: network.name,
  network,
  seed: 51 + index,
}));

/** The length of the difference of two vectors as a share of the second one's. */
function relativeDistance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, length] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    length += expected[i]! ** 2;
  }
  return Math.sqrt(difference / length);
}

describe.each([...networks, ...others])('$name', ({ name, network, seed }) => {
  it('has nearly the gradient of float64', async () => {
    const { height, width, channels } = network.input;
    const images = randomArray(batch * height * width * channels, 10 * seed);
    const labels = randomIntegers(batch, 10 * seed + 1, 5);
    const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
    const start = goldenParameters([...shapes.keys()], (parameter) => shapes.get(parameter)!);
    const state = createState(device, network);
    writeState(state, start);
    const compiling = compileTraining(state, { batch, precision: 'float16', choose: naively });
    if (!device.features.has('shader-f16')) {
      await expect(compiling).rejects.toThrow(UnsupportedError);
      state.dispose();
      return;
    }
    const training = await compiling;
    const { lossScale, fault } = training.scaling!;
    device.queue.writeBuffer(lossScale, 0, Float32Array.of(1 / scale, scale));
    device.queue.writeBuffer(training.input.buffer, training.input.offset, images);
    device.queue.writeBuffer(training.labels.buffer, training.labels.offset, labels);
    submit(device, (pass) => training.encode(pass));
    expect([...new Uint32Array(await readBuffer(device, fault))]).toEqual([0, 0, 0, 0]);
    const logits = await readRange(device, training.logits);
    const scaled = new Map(await readTensors(device, training.gradients, state.layout.trained));
    training.dispose();
    state.dispose();

    const inFloat64 = (parameters: Parameters) => {
      const pass = networkForward(network, parameters, images, { training: true });
      const { gradients } = networkBackward(pass, labels, 0);
      return { logits: pass.logits, gradient: whole((parameter) => gradients.get(parameter)!) };
    };
    const names = state.layout.trained.map((entry) => entry.name);
    const whole = (of: (parameter: string) => Iterable<number>) =>
      Float64Array.from(names.flatMap((parameter) => [...of(parameter)]));
    const exact = inFloat64(start);
    const actual = whole((parameter) => scaled.get(parameter)!).map((value) => value / scale);
    const distance = relativeDistance(actual, exact.gradient);
    const ofLogits = relativeDistance(logits, exact.logits);
    // What float64 makes of roundings of this size, branches that they turn among it; few runs, so no more than twice that.
    const disturbed = [1, 2, 3].map((run) => inFloat64(halfDisturbed(network, start, run)));
    const largest = Math.max(...disturbed.map(({ gradient }) => relativeDistance(gradient, exact.gradient)));
    const largestOfLogits = Math.max(...disturbed.map((one) => relativeDistance(one.logits, exact.logits)));
    const figures = [distance, largest, ofLogits].map((value) => value.toExponential(1));
    table.push(`  ${figures.join('  ')}  ${name}`);
    expect(distance).toBeLessThan(2 * largest);
    expect(ofLogits).toBeLessThan(2 * largestOfLogits);
  }, 240_000);
});
