import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NumericError, UnsupportedError } from '../../src/errors.js';
import { inferenceFootprint } from '../../src/graph/footprint.js';
import { planInferenceIn } from '../../src/graph/half.js';
import { compileInference, type InferenceNetwork, type InferenceOptions } from '../../src/graph/inference.js';
import { isExternal } from '../../src/graph/names.js';
import type { Network } from '../../src/graph/network.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { createState, type NetworkState, writeState } from '../../src/graph/state.js';
import { fillSequential } from '../../src/io/batches.js';
import { subset } from '../../src/io/dataset.js';
import { networkByName } from '../../src/models/networkByName.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { loadMnist } from '../../src/node.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import { storedBytes } from '../../src/ops/precision.js';
import { decodeCheckpoint, restoreState } from '../../src/train/checkpoint.js';
import { compileEvaluation } from '../../src/train/evaluation.js';
import { goldenParameters } from '../golden/load.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { halfDisturbed, roundingBound } from '../support/rounding.js';
import { expectClose } from '../support/tolerance.js';
import { deviceFamilies } from './familyNetworks.js';
import { offsetNetworks } from './smallNetworks.js';
import { tensorNetworks } from './tensorNetworks.js';
import { windowNetworks } from './windowNetworks.js';

/* Networks in float16; what a device without float16 does with each is to refuse it. */
let device: GPUDevice;
let half: boolean;
const table: string[] = [];

beforeAll(async () => {
  ({ device } = await testDevice());
  half = device.features.has('shader-f16');
});
afterAll(async () => {
  if (table.length > 0) process.stdout.write(`  share of bound, largest error, largest logit\n${table.join('\n')}\n`);
  await closeTestDevice();
});

/** The naive form, since each shape of every network is a kernel to compile: forms are held to their bounds elsewhere. */
const naively: ChooseForm = ({ forms }) => forms.find(({ family }) => family === 'naive')!;
/** Works with a network in float16 or, on a device that has none, sees it refused. */
async function inHalf(
  state: NetworkState,
  batch: number,
  work: (inference: InferenceNetwork) => Promise<void>,
  options: Pick<InferenceOptions, 'choose'> = { choose: naively },
) {
  const compiling = compileInference(state, { batch, precision: 'float16', ...options });
  if (!half) {
    await expect(compiling).rejects.toThrow(UnsupportedError);
    await expect(compiling).rejects.toThrow('shader-f16');
    return;
  }
  const inference = await compiling;
  try {
    expect(inference.precision).toBe('float16');
    await work(inference);
  } finally {
    inference.dispose();
  }
}

const batch = 2;
const networks = Object.entries(deviceFamilies).flatMap(([family, make], index) =>
  [false, true].map((ic) => ({ name: `${ic ? 'ic-' : ''}${family}`, network: make(ic), seed: 2 * index + 1 })),
);
const others = [...tensorNetworks, ...windowNetworks, ...offsetNetworks].map((network, index) => ({
  name: network.name,
  network,
  seed: 51 + index,
}));

describe.each([...networks, ...others])('$name', ({ name, network, seed }) => {
  const { height, width, channels } = network.input;
  const images = randomArray(batch * height * width * channels, 10 * seed);
  const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
  const start = goldenParameters([...shapes.keys()], (parameter) => shapes.get(parameter)!);

  it('infers as float64 does', async () => {
    const state = createState(device, network);
    writeState(state, start);
    await inHalf(state, batch, async (inference) => {
      const logits = await inference.run(images);
      const exact = networkForward(network, start, images, { training: false }).logits;
      const disturbed = [1, 2, 3].map((run) => {
        return networkForward(network, halfDisturbed(network, start, 3 * seed + run), images, { training: false })
          .logits;
      });
      const share = expectClose(logits, exact, roundingBound(exact, disturbed), 'logits');
      const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));
      const error = largest(Float64Array.from(exact, (value, i) => value - logits[i]!));
      table.push(`  ${share.toFixed(4)}  ${error.toExponential(1)}  ${largest(exact).toPrecision(2)}  ${name}`);
    });
    state.dispose();
  }, 240_000);

  it('passes float16 between its operations, and filters in it to them', () => {
    for (const traits of [{ subgroup: 32 }, { subgroup: 8, software: true, textures: true }]) {
      const { filters, forward } = planInferenceIn(network, batch, { precision: 'float16' }, traits);
      const filterRoles = ['filter', 'transposedFilter', 'denseWeight'];
      const weights = networkParameters(network).filter(({ role }) => filterRoles.includes(role));
      expect(filters.map(({ layer }) => layer).sort()).toEqual(weights.map(({ name }) => name).sort());
      for (const { plan, tensors } of forward) {
        for (const operand of ['input', 'output', 'left', 'right', 'residual', 'filter']) {
          const { precision = 'float32' } = plan.operands[operand] ?? { precision: 'float16' };
          const tensor = tensors[operand] ?? '';
          const outside = tensor === 'input' || plan.operation === 'softmax';
          const last = tensor === forward.at(-1)!.tensors.output || /^widened/.test(tensor);
          if (!outside && !last) expect(precision, `${plan.operation} ${operand} ${tensor}`).toBe('float16');
        }
      }
    }
  });
});

describe('in memory', () => {
  it.each([
    'ic-resnet50',
    'ic-resnet18',
    'ic-mobilenet-v2',
    'vgg16-bn',
    'densenet121',
  ])('%s takes half the arena', (name) => {
    const network = networkByName(name);
    const full = inferenceFootprint(network, 4);
    const less = inferenceFootprint(network, 4, { precision: 'float16' });
    expect(less.arena).toBeLessThan(0.56 * full.arena);
    expect(full.filters).toBe(0);
    const weights = networkParameters(network).filter(({ role }) => role === 'filter' || role === 'denseWeight');
    const bytes = weights.map(({ shape }) => storedBytes('float16', elementCount(shape)));
    expect(less.filters).toBe(bytes.reduce((sum, one) => sum + one, 0));
    expect(less.state).toBe(full.state);
  });

  it('float32 plans know nothing of float16', () => {
    for (const { network } of networks) {
      const { fold, filters, forward } = planInferenceIn(network, batch, {}, { subgroup: 32 });
      expect(filters).toEqual([]);
      const same = planInferenceIn(network, batch, { precision: 'float32' }, { subgroup: 32 });
      expect(forward).toEqual(same.forward);
      for (const { plan, tensors } of [...fold, ...forward]) {
        expect(Object.values(plan.operands).every(({ precision }) => precision === undefined)).toBe(true);
        const texts = plan.steps.flatMap(({ kernel }) => [kernel.text, ...(kernel.shared ?? [])]);
        expect(texts.filter((text) => /\bf16\b/.test(text.replace(/\/\/.*$/gm, '')))).toEqual([]);
        expect(Object.values(tensors).filter((tensor) => /^(halved|status|widened)/.test(tensor))).toEqual([]);
      }
    }
    expect(isExternal('halved conv.weight')).toBe(true);
  });
});

describe('what does not fit', () => {
  const network: Network = cifarResNet({ depth: 8, width: 4, ic: true, input: { height: 8, width: 8, channels: 3 } });
  const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
  const start = goldenParameters([...shapes.keys()], (parameter) => shapes.get(parameter)!);
  const images = randomArray(3 * 8 * 8 * 3, 4);
  const one = images.length / 3;

  async function withState(
    values: ReadonlyMap<string, Float32Array>,
    work: (inference: InferenceNetwork, state: NetworkState) => Promise<void>,
  ) {
    const state = createState(device, network);
    writeState(state, values);
    await inHalf(state, 3, (inference) => work(inference, state));
    state.dispose();
  }

  it('of the parameters is named, until they are others', async () => {
    const name = [...shapes.keys()].find((key) => key.endsWith('conv2.weight'))!;
    const filter = start.get(name)!.slice();
    filter[3] = 70000;
    await withState(new Map([...start, [name, filter]]), async (inference, state) => {
      for (let time = 0; time < 2; time++) {
        const error = await inference.run(images).catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(NumericError);
        expect((error as NumericError).parameter).toBe(name);
      }
      writeState(state, start);
      expect((await inference.run(images)).every(Number.isFinite)).toBe(true);
    });
  });

  it('of an image or an activation is named by the input or the layer, and forgotten at the next run', async () => {
    const [stem, filter] = [...start][0]!;
    await withState(new Map([...start, [stem, filter.map((value) => 20 * value)]]), async (inference) => {
      const calm = await inference.run(images);
      const large = images.slice();
      large[one + 7] = 1e5;
      await expect(inference.run(large)).rejects.toThrow('run: input:');
      large.fill(-6e4, one, 2 * one);
      const error = await inference.run(large).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(NumericError);
      expect(network.layers.map(({ name }) => name)).toContain((error as NumericError).parameter);
      // Fewer images than were there before.
      expect(await inference.run(images.subarray(0, one))).toEqual(calm.subarray(0, calm.length / 3));
      const [first, second, third] = await Promise.allSettled(
        [images, large, images].map((batch) => inference.run(batch)),
      );
      expect([first!.status, second!.status, third!.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    });
  });

  it('of passes that were encoded is found where they are looked at', async () => {
    await withState(start, async (inference) => {
      const submit = () => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        inference.encode(pass);
        pass.end();
        device.queue.submit([encoder.finish()]);
      };
      const { buffer, offset } = inference.input;
      device.queue.writeBuffer(buffer, offset, new Float32Array(images.length).fill(1e6));
      submit();
      await expect(inference.checkValues()).rejects.toThrow(NumericError);
      await inference.checkValues();
      device.queue.writeBuffer(buffer, offset, images);
      submit();
      await inference.checkValues();
    });
  });
});

describe('the digits of MNIST', () => {
  it('are the same ones, their logits within a hundredth', async () => {
    const path = 'src/demo/models/digits.safetensors';
    const checkpoint = decodeCheckpoint(await readFile(path), path);
    const state = restoreState(device, checkpoint);
    const { test } = await loadMnist();
    const batch = 200;
    const images = new Float32Array(batch * test.height * test.width * test.channels);
    await inHalf(
      state,
      batch,
      async (inference) => {
        const full = await compileInference(state, { batch });
        let [agreeing, error, largest] = [0, 0, 0];
        for (let start = 0; start < test.count; start += batch) {
          fillSequential(test, start, batch, checkpoint.normalisation!, images, new Uint32Array(batch));
          const [expected, logits] = [await full.run(images), await inference.run(images)];
          const classes = logits.length / batch;
          for (let image = 0; image < batch; image++) {
            const [own, other] = [expected, logits].map((all) => all.subarray(image * classes, (image + 1) * classes));
            if (own!.indexOf(Math.max(...own!)) === other!.indexOf(Math.max(...other!))) agreeing++;
          }
          largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), largest);
          error = logits.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), error);
        }
        full.dispose();
        table.push(
          `  digits: ${agreeing} of ${test.count} agree, largest error ${error.toPrecision(2)} beside ${largest.toPrecision(3)}`,
        );
        expect(error / largest).toBeLessThan(0.01);
        expect(agreeing).toBeGreaterThanOrEqual(0.999 * test.count);
      },
      {},
    );
    const some = subset(test, 0, batch);
    const evaluating = compileEvaluation(state, { batch, precision: 'float16', choose: naively });
    if (half) {
      const evaluation = await evaluating;
      const { accuracy } = await evaluation.run(some, checkpoint.normalisation!);
      expect(accuracy).toBeGreaterThanOrEqual(0.96);
      evaluation.dispose();
    } else {
      await expect(evaluating).rejects.toThrow(UnsupportedError);
    }
    state.dispose();
  }, 240_000);
});

it('shapes are what they are in float32', () => {
  const network = networkByName('ic-resnet20');
  const { outputShape } = planInferenceIn(network, 3, { precision: 'float16' }, { subgroup: 32 });
  expect(outputShape).toEqual(inferShapes(network, 3).get(network.layers.at(-1)!.name));
});
