import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuffer } from '../../src/device/buffers.js';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import { inferenceFootprint } from '../../src/graph/footprint.js';
import { compileInference } from '../../src/graph/inference.js';
import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { createState, type NetworkState, writeState } from '../../src/graph/state.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { goldenParameters } from '../golden/load.js';
import { randomState } from '../graph/networks.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { disturbance, halfDisturbed, roundingBound } from '../support/rounding.js';
import { EPSILON, expectClose } from '../support/tolerance.js';
import { smallNetworks } from './smallNetworks.js';
import { tensorNetworks } from './tensorNetworks.js';

/* Networks with several outputs. */

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const batch = 2;
const networks = [...smallNetworks, ...tensorNetworks].map((network, index) => ({
  ...network,
  network,
  seed: index + 1,
}));

function stateOf(network: Network, seed: number) {
  const state = createState(device, network);
  const start = randomState(network, seed);
  writeState(state, start);
  return { state, start };
}

function imagesFor({ input: { height, width, channels } }: Network, seed: number): Float32Array<ArrayBuffer> {
  return randomArray(batch * height * width * channels, 10 * seed);
}

/** What float64 says of every layer, and how far rounding may be from it. */
function expectedOutputs(
  network: Network,
  start: ReadonlyMap<string, Float32Array>,
  images: Float32Array,
  seed: number,
) {
  const infer = (values: ReadonlyMap<string, Float32Array | Float64Array>) =>
    networkForward(network, values, images, { training: false }).activations;
  const exact = infer(start);
  const disturbed = infer(disturbance(network, batch, false, seed).parameters(start));
  return new Map(
    network.layers.map(({ name }) => {
      const values = exact.get(name)!.data;
      // What has no parameters ahead of it is as it was in the disturbed run, and rounded all the same.
      const rounding = 16 * EPSILON * values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const bound = roundingBound(values, [disturbed.get(name)!.data]).map((value) => value + rounding);
      return [name, { values, bound }];
    }),
  );
}

describe.each(networks)('$name', ({ network, seed }) => {
  it('gives the outputs of all its layers at once, each as float64 does, and its own besides', async () => {
    const { state, start } = stateOf(network, seed);
    const images = imagesFor(network, seed);
    const expected = expectedOutputs(network, start, images, seed);
    const shapes = inferShapes(network, batch);
    const names = network.layers.map(({ name }) => name);
    const last = names.at(-1)!;
    const all = await compileInference(state, { batch, outputs: names });
    expect([...all.outputs.keys()]).toEqual(names);
    const read = await all.runOutputs(images);
    expect([...read.keys()]).toEqual(names);
    for (const name of names) {
      expect(all.outputs.get(name)!.shape).toEqual(shapes.get(name));
      const { values, bound } = expected.get(name)!;
      expectClose(read.get(name)!, values, bound, name);
    }
    expect(await all.run(images)).toEqual(read.get(last));
    all.dispose();
    state.dispose();
  });
});

describe.each([smallNetworks[0]!, smallNetworks[4]!, tensorNetworks[2]!])('$name', (network) => {
  it('gives the output of each of its layers, wherever that ends what runs as one', async () => {
    const { state, start } = stateOf(network, 11);
    const images = imagesFor(network, 11);
    const expected = expectedOutputs(network, start, images, 11);
    const names = network.layers.map(({ name }) => name);
    const last = names.pop()!;
    for (const name of names) {
      const one = await compileInference(state, { batch, outputs: [name] });
      const own = await one.runOutputs(images);
      expect([...own.keys()]).toEqual([name]);
      expectClose(own.get(name)!, expected.get(name)!.values, expected.get(name)!.bound, name);
      const { values, bound } = expected.get(last)!;
      expectClose(await one.run(images), values, bound, `${last} beside ${name}`);
      one.dispose();
    }
    state.dispose();
  });
});

describe('outputs by name', () => {
  const network = cifarResNet({
    depth: 8,
    ic: true,
    width: 4,
    classes: 5,
    input: { height: 8, width: 8, channels: 2 },
  });
  const images = imagesFor(network, 3);
  let state: NetworkState;
  beforeAll(() => {
    ({ state } = stateOf(network, 7));
  });
  afterAll(() => state.dispose());

  it('are the last one where none are asked for', async () => {
    const plain = await compileInference(state, { batch });
    expect([...plain.outputs]).toEqual([['fc', { range: plain.output, shape: plain.outputShape }]]);
    expect(await plain.runOutputs(images)).toEqual(new Map([['fc', await plain.run(images)]]));
    plain.dispose();
  });

  it('cost no dispatch where nothing is behind them that would have been taken in', async () => {
    const plain = await compileInference(state, { batch });
    const free = await compileInference(state, { batch, outputs: ['relu', 'layer2.0.relu2', 'avgpool', 'fc'] });
    expect(free.dispatches).toBe(plain.dispatches);
    expect(await free.run(images)).toEqual(await plain.run(images));
    const split = await compileInference(state, { batch, outputs: ['layer2.0.bn2'] });
    expect(split.dispatches).toBeGreaterThan(plain.dispatches);
    for (const one of [plain, free, split]) one.dispose();
  });

  it('are of the images that there are, and lie where other programs find them', async () => {
    const outputs = ['layer1.0.relu2', 'layer3.0.relu2'];
    const one = await compileInference(state, { batch, outputs });
    const both = await one.runOutputs(images);
    const first = await one.runOutputs(images.subarray(0, images.length / batch));
    for (const name of outputs) {
      const values = both.get(name)!;
      expect(first.get(name)).toEqual(values.subarray(0, values.length / batch));
    }
    await one.run(images);
    for (const name of outputs) {
      const { buffer, offset, size } = one.outputs.get(name)!.range;
      expect(new Float32Array(await readBuffer(device, buffer, offset, size))).toEqual(both.get(name));
    }
    one.dispose();
  });

  it('answer calls that overlap each with its own', async () => {
    const one = await compileInference(state, { batch: 1, outputs: ['relu', 'fc'] });
    const half = images.length / 2;
    const parts = [images.subarray(0, half), images.subarray(half)] as const;
    const apart = [await one.runOutputs(parts[0]), await one.runOutputs(parts[1])];
    expect(await Promise.all(parts.map((part) => one.runOutputs(part)))).toEqual(apart);
    expect(apart[0]).not.toEqual(apart[1]);
    one.dispose();
  });

  it.each([
    ['layer2.0.rely2', ' (did you mean layer2.0.relu2?)'],
    ['input', ''],
    ['nowhere at all', ''],
  ])('that there are not are refused: %s', async (name, nearest) => {
    const compiling = compileInference(state, { batch, outputs: ['fc', name] });
    await expect(compiling).rejects.toThrow(ShapeError);
    const fault = { parameter: 'outputs', expected: `names of layers of ${network.name}${nearest}`, got: name };
    await expect(compiling).rejects.toMatchObject({ operation: 'compile', ...fault });
    expect(() => inferenceFootprint(network, batch, { outputs: [name] })).toThrow(`got ${name}`);
  });

  it('take their memory as long as the network runs, and memory is counted with them', async () => {
    const outputs = network.layers.map(({ name }) => name);
    const least = inferenceFootprint(network, batch);
    const most = inferenceFootprint(network, batch, { outputs });
    const shapes = inferShapes(network, batch);
    const bytes = outputs.reduce((sum, name) => sum + 4 * shapes.get(name)!.reduce((a, b) => a * b, 1), 0);
    expect(most.arena).toBeGreaterThanOrEqual(bytes);
    expect(least.arena).toBeLessThan(bytes / 2);
    const compiled = await compileInference(state, { batch, outputs });
    expect(compiled.arenaBytes).toBeGreaterThanOrEqual(bytes);
    compiled.dispose();
  });

  it('are float32 where the network is float16', async () => {
    const outputs = ['relu', 'layer2.0.bn1', 'layer3.0.relu2', 'avgpool'];
    // Values that stay small.
    const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
    const start = goldenParameters([...shapes.keys()], (parameter) => shapes.get(parameter)!);
    writeState(state, start);
    const compiling = compileInference(state, { batch, outputs, precision: 'float16' });
    if (!device.features.has('shader-f16')) {
      await expect(compiling).rejects.toThrow(UnsupportedError);
      return;
    }
    const one = await compiling;
    const read = await one.runOutputs(images);
    const infer = (values: ReadonlyMap<string, Float32Array | Float64Array>) =>
      networkForward(network, values, images, { training: false }).activations;
    const exact = infer(start);
    const disturbed = [1, 2, 3].map((run) => infer(halfDisturbed(network, start, run)));
    for (const name of outputs) {
      const { data } = exact.get(name)!;
      const bound = roundingBound(
        data,
        disturbed.map((activations) => activations.get(name)!.data),
      );
      expectClose(read.get(name)!, data, bound, name);
    }
    one.dispose();
  });
});
