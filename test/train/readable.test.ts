import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ICError, ShapeError } from '../../src/errors.js';
import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { initialParameters } from '../../src/models/initialise.js';
import { decodeOnnx, encodeOnnx } from '../../src/onnx.js';
import { decodeCheckpoint, encodeCheckpoint, encodeNetwork } from '../../src/train/checkpoint.js';
import { createTrainer, type TrainerOptions } from '../../src/train/trainer.js';
import { expectError } from '../models/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { disposeAll, freshState, freshTrainer, smallNetwork, smallOptions, stripes } from './smallTraining.js';

const numbers = fc.array(fc.oneof(fc.double(), fc.constantFrom(0, 0.5, 1, -1)), { minLength: 1, maxLength: 2 });
const normalisations = fc.oneof(
  fc.record({ mean: numbers, deviation: numbers }),
  fc.constant({ mean: [0.5], deviation: [0.25] }),
);
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('cat', '', '__proto__', '\u001b[31m', '\ud800', 'x'.repeat(1001), '\u0085', 'fc', 'a.weight'),
);
const classNames = fc.array(texts, { maxLength: 4 });
const fields = fc.constantFrom<object>(
  {},
  {},
  {},
  { comment: 'mine' },
  { epsilon: Number.NaN },
  { maximum: undefined },
);

/** The small network with other names, its second layer with another field. */
const networks = fc.record({ name: texts, layer: texts, field: fields, whole: fields }).map(
  ({ name, layer, field, whole }): Network => ({
    ...smallNetwork,
    ...whole,
    name,
    layers: smallNetwork.layers.map((one, index) => ({
      ...one,
      ...(index === 1 && field),
      name: one.name === 'norm' ? layer : one.name,
      inputs: one.inputs.map((input) => (input === 'norm' ? layer : input)),
    })),
  }),
);
type Described = NonNullable<Parameters<typeof encodeNetwork>[2]>;

const counts = fc.constantFrom(0, 3, 2 ** 40, -1, 0.5, Number.NaN, 2 ** 60);

/** Values for every entry of a network's state, the counter of batches at `count`. */
function stateOf(network: Network, count: number): ReadonlyMap<string, Float32Array> {
  const values = new Map(initialParameters(network, 1));
  for (const { name, role } of networkParameters(network)) {
    if (role === 'batchesTracked') values.set(name, Float32Array.of(count));
  }
  return values;
}

/** What `write` makes of a case, or undefined where it refuses it, in which it has to be typed. */
function written<Made>(write: () => Made): Made | undefined {
  try {
    return write();
  } catch (error) {
    expect(error).toBeInstanceOf(ICError);
    return undefined;
  }
}

/** Runs a property and expects that a part of the cases is accepted and another one refused. */
function assertReadable<Case>(cases: fc.Arbitrary<Case>, isReadAgain: (one: Case) => boolean, numRuns: number): void {
  let accepted = 0;
  fc.assert(
    fc.property(cases, (one) => {
      accepted += isReadAgain(one) ? 1 : 0;
    }),
    { numRuns },
  );
  expect(accepted).toBeGreaterThan(numRuns / 50);
  expect(accepted).toBeLessThan(numRuns);
}

describe('what is written is read', () => {
  it('as a checkpoint, whatever its record and its names', () => {
    const cases = fc.record({
      network: networks,
      count: counts,
      normalisation: fc.option(normalisations, { nil: undefined }),
      classNames: fc.option(classNames, { nil: undefined }),
    });
    assertReadable(
      cases,
      ({ network, count, ...more }) => {
        const values = written(() => stateOf(network, count));
        const file = values && written(() => encodeNetwork(network, values, more as Described));
        if (!file) return false;
        const checkpoint = decodeCheckpoint(file);
        expect(checkpoint).toMatchObject(JSON.parse(JSON.stringify({ network, ...more })));
        expect(checkpoint.values).toEqual(values);
        return true;
      },
      2000,
    );
  });

  it('as an ONNX file, whatever its metadata and its names', () => {
    assertReadable(
      fc.record({ network: networks, normalisation: normalisations, classNames }),
      ({ network, ...options }) => {
        const values = written(() => stateOf(network, 0));
        const file = values && written(() => encodeOnnx(network, values, options));
        if (!file) return false;
        expect(decodeOnnx(file)).toMatchObject(JSON.parse(JSON.stringify(options)));
        return true;
      },
      1000,
    );
  });
});

describe('a parameter that is called as a moment of another one', () => {
  it('stays a parameter', () => {
    const layers = smallNetwork.layers.map((layer) => ({
      ...layer,
      name: layer.name === 'conv1' ? 'optimizer.velocities.fc' : layer.name,
      inputs: layer.inputs.map((input) => (input === 'conv1' ? 'optimizer.velocities.fc' : input)),
    }));
    const network = { ...smallNetwork, layers };
    const values = initialParameters(network, 1);
    const checkpoint = decodeCheckpoint(encodeNetwork(network, values));
    expect(checkpoint.moments.size).toBe(0);
    for (const [name, value] of values) expect(checkpoint.values.get(name), name).toEqual(value);
  });
});

describe('a training', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    ({ device } = await testDevice());
  });
  afterAll(closeTestDevice);

  const named = (...names: string[]) => ({ dataset: stripes(24, { classNames: names }) });

  it.each([
    ['classNames', named('a', 'b\u001b[2J', 'c')],
    ['classNames', named('a', 'b', 'x'.repeat(1001))],
    ['classNames', named('a', 'b', 'c', 'd')],
    ['training', { dataset: stripes(24, { name: undefined as unknown as string }) }],
  ] as [
    string,
    Partial<TrainerOptions>,
  ][])('is not begun where no checkpoint could hold its %s (case %#)', async (what, changes) => {
    const state = freshState(device);
    const error = await createTrainer(state, smallOptions(changes)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ShapeError);
    expect((error as ShapeError).message).toMatch(`train: checkpoint, ${what}: expected`);
    state.dispose();
  });

  it('is not begun of a network with a field that no layer has', async () => {
    const [first, ...rest] = smallNetwork.layers;
    const network = { ...smallNetwork, layers: [{ ...first!, comment: 'mine' }, ...rest] } as Network;
    const state = freshState(device, network);
    await expect(createTrainer(state, smallOptions())).rejects.toThrow('checkpoint, network.layers[0]: expected');
    state.dispose();
  });

  it('writes no checkpoint that would not be read', async () => {
    const trainer = await freshTrainer(device);
    const { state } = trainer;
    for (const extra of [
      { classNames: ['a', 'b', 'c', 'd'] },
      { normalisation: { mean: [0.5], deviation: [0] } },
      { trainer: { ...trainer, step: 21 } },
    ]) {
      await expect(encodeCheckpoint(state, extra)).rejects.toThrow(ShapeError);
    }
    expectError(() => encodeNetwork({ ...smallNetwork, name: 3 as unknown as string }, new Map()), ShapeError, {});
    disposeAll(trainer);
  });
});
