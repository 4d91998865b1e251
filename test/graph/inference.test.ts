import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { compileInference, type InferenceNetwork } from '../../src/graph/inference.js';
import { createState, type NetworkState, writeState } from '../../src/graph/state.js';
import { networkForward, type Parameters } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { disturbance, roundingBound } from '../support/rounding.js';
import { expectClose } from '../support/tolerance.js';
import { everyRole, randomState } from './networks.js';

const perImage = 6 * 8 * 3;
const images = randomArray(3 * perImage, 5);
const start = randomState(everyRole, 6);

let state: NetworkState;
let three: InferenceNetwork;
beforeAll(async () => {
  const { device } = await testDevice();
  state = createState(device, everyRole);
  writeState(state, start);
  three = await compileInference(state, { batch: 3 });
});
afterAll(async () => {
  three.dispose();
  state.dispose();
  await closeTestDevice();
});

describe('InferenceNetwork', () => {
  it('says what it takes and gives', () => {
    expect(three.batch).toBe(3);
    expect(three.inputShape).toEqual([3, 6, 8, 3]);
    expect(three.outputShape).toEqual([3, 1, 1, 7]);
    expect(three.input.size).toBe(4 * 3 * perImage);
    expect(three.output.size).toBe(4 * 3 * 7);
  });

  it.each([
    ['none', 0],
    ['half an image', perImage / 2],
    ['an image and a value', perImage + 1],
    ['an image too many', 4 * perImage],
  ])('refuses %s', async (_, count) => {
    const running = three.run(new Float32Array(count));
    await expect(running).rejects.toThrow(ShapeError);
    await expect(running).rejects.toMatchObject({
      operation: 'run',
      parameter: 'images',
      expected: `1 to 3 images of ${perImage} values, as compiled`,
      got: `${count} values`,
    });
  });

  it('gives the logits of as many images as there are', async () => {
    const all = await three.run(images);
    expect(all).toHaveLength(3 * 7);
    expect(await three.run(images.subarray(0, perImage))).toEqual(all.subarray(0, 7));
    expect(await three.run(images.subarray(perImage))).toEqual(all.subarray(7));
  });

  it('answers calls that overlap each with its own logits', async () => {
    const one = (index: number) => three.run(images.subarray(index * perImage, (index + 1) * perImage));
    const all = await three.run(images);
    const [first, second, third] = await Promise.all([one(0), one(1), one(2)]);
    expect([...first!, ...second!, ...third!]).toEqual([...all]);
  });

  it('gives an image the same logits whatever the size of the batch', async () => {
    const single = await compileInference(state, { batch: 1 });
    const { exact, bound } = expectedLogits(start);
    expectClose(await three.run(images), exact, bound, 'batch of three');
    for (let i = 0; i < 3; i++) {
      const own = await single.run(images.subarray(i * perImage, (i + 1) * perImage));
      const part = (values: Float64Array) => values.subarray(7 * i, 7 * i + 7);
      expectClose(own, part(exact), part(bound), `image ${i} alone`);
    }
    single.dispose();
  });

  it('follows the state when it changes, what is derived from it too', async () => {
    const before = await three.run(images);
    const changed = new Map(start);
    for (const name of ['weight', 'bias', 'running_mean', 'running_var']) {
      changed.set(
        `norm.${name}`,
        start.get(`norm.${name}`)!.map((value) => 1.5 * value),
      );
    }
    writeState(state, changed);
    const { exact, bound } = expectedLogits(changed);
    const logits = await three.run(images);
    expectClose(logits, exact, bound, 'changed state');
    expect(logits).not.toEqual(before);
    writeState(state, start);
    expect(await three.run(images)).toEqual(before);
  });
});

/** What float64 says of the three images, and how far rounding may be from it. */
function expectedLogits(parameters: ReadonlyMap<string, Float32Array>): { exact: Float64Array; bound: Float64Array } {
  const infer = (values: Parameters) => networkForward(everyRole, values, images, { training: false }).logits;
  const exact = infer(parameters);
  const disturbed = infer(disturbance(everyRole, 3, false, 1).parameters(parameters));
  return { exact, bound: roundingBound(exact, [disturbed]) };
}
