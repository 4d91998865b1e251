import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { compileInference } from '../../src/graph/inference.js';
import { compileInspection, type LayerActivity } from '../../src/graph/inspection.js';
import { isICUnit, type Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { createState, writeState } from '../../src/graph/state.js';
import { cifarResNet } from '../../src/models/resnet.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import type { Precision } from '../../src/ops/precision.js';
import { goldenParameters } from '../golden/load.js';
import { randomState } from '../graph/networks.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { disturbance, halfDisturbed, roundingBound } from '../support/rounding.js';
import { offsetNetworks, smallNetworks } from './smallNetworks.js';

let device: GPUDevice;
let precisions: readonly Precision[];
beforeAll(async () => {
  ({ device } = await testDevice());
  precisions = device.features.has('shader-f16') ? ['float32', 'float16'] : ['float32'];
});
afterAll(closeTestDevice);

const batch = 3;

function stateOf(network: Network, seed: number): Map<string, Float32Array> {
  const values = randomState(network, seed);
  for (const name of values.keys()) if (name.endsWith('num_batches_tracked')) values.delete(name);
  return values;
}

function tameStateOf(network: Network): Map<string, Float32Array> {
  const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
  return goldenParameters([...shapes.keys()], (name) => shapes.get(name)!);
}

const naively: ChooseForm = ({ forms }) => forms.find(({ family }) => family === 'naive')!;

/** What float64 says of one layer: by place whether the term fires for certain, and whether rounding may decide. */
interface Expected {
  readonly shape: readonly [number, number, number, number];
  readonly fires: Uint8Array;
  readonly doubtful: Uint8Array;
}

function expectActivity(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  images: Float32Array,
  seed: number,
  precision: Precision,
) {
  const exact = networkForward(network, values, images, { training: false });
  const off =
    precision === 'float16'
      ? halfDisturbed(network, values, seed)
      : disturbance(network, batch, false, seed).parameters(values);
  const disturbed = networkForward(network, off, images, { training: false });
  const layers = new Map<string, Expected>();
  for (const layer of network.layers) {
    if (!isICUnit(layer)) continue;
    const excess = exact.steps.get(layer.name)!.excess!;
    const bound = roundingBound(excess, [disturbed.steps.get(layer.name)!.excess!]);
    layers.set(layer.name, {
      shape: exact.activations.get(layer.name)!.shape as [number, number, number, number],
      fires: Uint8Array.from(excess, (value) => Number(value > 0)),
      doubtful: Uint8Array.from(excess, (value, i) => Number(Math.abs(value) <= bound[i]!)),
    });
  }
  return { layers, logits: exact.logits };
}

/** Holds counted shares to float64's, as far as places where rounding decides leave them open. */
function expectShares(
  got: Float32Array,
  { shape, fires, doubtful }: Expected,
  placeOf: (image: number, pixel: number, filter: number) => number,
): void {
  const [images, height, width, filters] = shape;
  const [certain, open, all] = [0, 0, 0].map(() => new Float64Array(got.length));
  fires.forEach((fired, index) => {
    const filter = index % filters;
    const pixel = Math.floor(index / filters) % (height * width);
    const place = placeOf(Math.floor(index / filters / height / width), pixel, filter);
    all![place]!++;
    if (doubtful[index]) open![place]!++;
    else certain![place]! += fired;
  });
  expect(images * height * width * filters).toBe(fires.length);
  got.forEach((share, place) => {
    const count = share * all![place]!;
    expect(Math.abs(count - Math.round(count))).toBeLessThan(1e-3);
    expect(Math.round(count)).toBeGreaterThanOrEqual(certain![place]!);
    expect(Math.round(count)).toBeLessThanOrEqual(certain![place]! + open![place]!);
  });
}

const networks = [
  ...smallNetworks.slice(0, 4),
  ...offsetNetworks,
  cifarResNet({ depth: 8, ic: true, width: 4, input: { height: 9, width: 7, channels: 1 }, icConvolutions: 'all' }),
].map((network, index) => ({ name: network.name, network, seed: index + 1 }));

describe.each(networks)('$name', ({ network, seed }) => {
  const { height, width, channels } = network.input;
  const images = randomArray(batch * height * width * channels, 10 * seed);
  const values = stateOf(network, seed);

  it('fires where float64 says, by pixel and by filter, in every precision', async () => {
    for (const precision of precisions) await expectInspection(precision);
  });

  async function expectInspection(precision: Precision): Promise<void> {
    const before = bufferUsage(device);
    const state = createState(device, network);
    // Those that float16 has room for, and forms that compile in no time, as the float32 ones are many kernels already.
    const half = precision === 'float16';
    const values = half ? tameStateOf(network) : stateOf(network, seed);
    const options = { batch, precision, ...(half && { choose: naively }) };
    writeState(state, values);
    const inspection = await compileInspection(state, options);
    const result = await inspection.run(images);
    const { layers } = expectActivity(network, values, images, seed, precision);
    expect(result.images).toBe(batch);
    expect(result.layers.map(({ layer }) => layer)).toEqual([...layers.keys()]);
    let firing = 0;
    for (const activity of result.layers) {
      const expected = layers.get(activity.layer)!;
      const [, rows, columns, filters] = expected.shape;
      expect(activity).toMatchObject({ height: rows, width: columns, filters });
      const pixels = rows * columns;
      expectShares(activity.maps, expected, (image, pixel) => image * pixels + pixel);
      expectShares(activity.filterShares, expected, (_, __, filter) => filter);
      const mean = activity.filterShares.reduce((sum, share) => sum + share, 0) / filters;
      expect(activity.share).toBeCloseTo(mean, 5);
      firing += activity.share;
    }
    // Neither all nor nothing fires, so that the comparison means something.
    expect(firing).toBeGreaterThan(0.05 * layers.size);
    expect(firing).toBeLessThan(0.95 * layers.size);

    const inference = await compileInference(state, options);
    expect(result.logits).toEqual(await inference.run(images));
    for (const one of [inference, inspection, state]) one.dispose();
    expect(bufferUsage(device)).toEqual(before);
  }

  it('counts the images that are there, one by one as together', async () => {
    const state = createState(device, network);
    writeState(state, values);
    const inspection = await compileInspection(state, { batch });
    const size = images.length / batch;
    const together = await inspection.run(images);
    const single: (readonly LayerActivity[])[] = [];
    for (let image = 0; image < batch; image++) {
      const result = await inspection.run(images.slice(image * size, (image + 1) * size));
      expect(result.images).toBe(1);
      single.push(result.layers);
    }
    together.layers.forEach(({ maps, share }, index) => {
      const alone = single.map((layers) => layers[index]!);
      expect([...maps]).toEqual(alone.flatMap((layer) => [...layer.maps]));
      expect(alone.reduce((sum, layer) => sum + layer.share, 0) / batch).toBeCloseTo(share, 12);
    });
    inspection.dispose();
    state.dispose();
  });
});

it('a plain network has nothing that fires', async () => {
  const network = smallNetworks.find(({ name }) => name === 'no convolution at all')!;
  const state = createState(device, network);
  writeState(state, stateOf(network, 9));
  const inspection = await compileInspection(state, { batch: 1 });
  const { layers } = await inspection.run(randomArray(72, 1));
  expect(layers).toEqual([]);
  await expect(inspection.run(new Float32Array(71))).rejects.toThrow(/^run: images: /);
  await expect(inspection.run(new Float32Array(144))).rejects.toThrow(/^run: images: /);
  inspection.dispose();
  state.dispose();
});
