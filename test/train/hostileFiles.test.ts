import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { FormatError, LimitError, UnsupportedError } from '../../src/errors.js';
import { parseNetwork } from '../../src/graph/networkJson.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { float32Tensor, type SafetensorsTensor, writeSafetensors } from '../../src/io/safetensors.js';
import { initialParameters } from '../../src/models/initialise.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { everyRole } from '../graph/networks.js';
import { expectError } from '../models/errors.js';
import { smallNetworks } from '../networks/smallNetworks.js';
import { windowNetworks } from '../networks/windowNetworks.js';
import { smallNetwork } from './smallTraining.js';

const record = {
  network: smallNetwork,
  normalisation: { mean: [0.5], deviation: [0.25] },
  training: { step: 3, steps: 6, seed: -7, batch: 4, dataset: 'stripes', optimiser: 'sgd' },
  classNames: ['lying', 'standing', 'sloping, not straight'],
};

/** A checkpoint file of the small network with this text as its record. */
function fileOf(text: string): Uint8Array {
  const values = initialParameters(smallNetwork, 1);
  const tensors = networkParameters(smallNetwork).map(({ name, shape, role }): [string, SafetensorsTensor] => {
    if (role === 'batchesTracked') return [name, { dtype: 'I64', shape, bytes: new Uint8Array(8) }];
    return [name, float32Tensor(shape, values.get(name)!)];
  });
  const velocity = ['optimizer.velocities.fc.bias', float32Tensor([3], new Float32Array(3))] as const;
  return writeSafetensors([...tensors, velocity], { 'ic-networks': text });
}

const refuses = (changed: object, parameter: string) =>
  expectError(() => decodeCheckpoint(fileOf(JSON.stringify({ ...record, ...changed })), 'x'), FormatError, {
    operation: 'checkpoint',
    parameter,
  });

const nested = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
/** Objects that cannot be turned into text. */
const hostileObject = '{"toString": 1, "valueOf": 1, "toJSON": 1, "length": -1}';

describe('the record of a checkpoint', () => {
  it('is read where it is sound', () => {
    const { moments, values, ...read } = decodeCheckpoint(fileOf(JSON.stringify(record)));
    expect(read).toEqual(record);
    expect(values.size).toBe(networkParameters(smallNetwork).length);
    expect([...moments.get('velocities')!.keys()]).toEqual(['fc.bias']);
  });

  it.each([
    '',
    '{',
    'null',
    '3',
    '"text"',
    '[]',
    '{}',
    '{"network": null}',
    nested,
    `{"network": ${nested}}`,
  ])('is refused where it is %.40s', (text) => {
    expect(() => decodeCheckpoint(fileOf(text))).toThrow(FormatError);
  });

  it('is refused where it has more values than are read', () => {
    const text = JSON.stringify({ ...record, classNames: 'HERE' }).replace('"HERE"', `[${'0,'.repeat(1_000_000)}0]`);
    expect(() => decodeCheckpoint(fileOf(text))).toThrow(LimitError);
  });

  it('is refused where there is none', () => {
    const file = writeSafetensors([], { constructor: '{}' });
    expectError(() => decodeCheckpoint(file, 'x'), FormatError, { parameter: 'x, __metadata__.ic-networks' });
  });

  it.each([
    null,
    'text',
    [],
    {},
    { mean: [0.5] },
    { mean: [0.5, 0.5], deviation: [1, 1] },
    { mean: ['0.5'], deviation: [1] },
    { mean: [null], deviation: [1] },
    { mean: [0.5], deviation: [0] },
    { mean: [0.5], deviation: [-1] },
    { mean: { 0: 0.5, length: 1 }, deviation: [1] },
  ])('is refused with the normalisation %j', (normalisation) => refuses({ normalisation }, 'x, normalisation'));

  it.each([
    null,
    'abc',
    {},
    [1, 2, 3],
    ['a', 'b', 'c', 'd'],
    ['a', 'b', '\u001b[31mred'],
    ['a', 'b', 'x'.repeat(1001)],
  ])('is refused with the class names %.40j', (classNames) => refuses({ classNames }, 'x, classNames'));

  const training = record.training;
  const lossScale = { scale: 1024, goodSteps: 3, corrections: [1, 1] };
  it.each([
    null,
    'text',
    [],
    {},
    { ...training, step: -1 },
    { ...training, step: 0.5 },
    { ...training, step: 7 },
    { ...training, steps: '6' },
    { ...training, steps: 0, step: 0 },
    { ...training, batch: 2 ** 60 },
    { ...training, batch: 0 },
    { ...training, seed: null },
    { ...training, seed: 1e300 },
    { ...training, dataset: 3 },
    { ...training, optimiser: 'adam' },
    { ...training, optimiser: { toString: 1 } },
    { ...training, precision: 'float16' },
    { ...training, precision: 'float64', lossScale },
    { ...training, precision: 'float16', lossScale: { ...lossScale, scale: 3 } },
    { ...training, precision: 'float16', lossScale: { ...lossScale, scale: 2 ** 25 } },
    { ...training, precision: 'float16', lossScale: { ...lossScale, goodSteps: -1 } },
    { ...training, precision: 'float16', lossScale: { ...lossScale, corrections: [1] } },
    { ...training, precision: 'float16', lossScale: { ...lossScale, corrections: [1, 2] } },
  ])('is refused with the training %j', (changed) => refuses({ training: changed }, 'x, training'));

  it.each(['network', 'normalisation', 'training'])('is refused where its %s nests without end', (key) => {
    for (const value of [nested, `{"mean": ${nested}, "name": ${nested}, "step": ${nested}}`, hostileObject]) {
      const text = JSON.stringify({ ...record, [key]: 'HERE' }).replace('"HERE"', value);
      expect(() => decodeCheckpoint(fileOf(text))).toThrow(FormatError);
    }
  });
});

describe('a network as JSON', () => {
  const accepted = (value: unknown) => parseNetwork(JSON.parse(JSON.stringify(value)), 'net');

  it('is what it was', () => {
    expect(accepted(smallNetwork)).toEqual(smallNetwork);
    expect(accepted(everyRole)).toEqual(everyRole);
    for (const network of [...smallNetworks, ...windowNetworks]) expect(accepted(network)).toEqual(network);
  });

  const layers = smallNetwork.layers;
  const withLayer = (index: number, changes: object) => ({
    ...smallNetwork,
    layers: layers.map((layer, at) => (at === index ? { ...layer, ...changes } : layer)),
  });

  it.each([
    ['net', 'text'],
    ['net', null],
    ['net', [smallNetwork]],
    ['net', { ...smallNetwork, version: 2 }],
    ['net.name', { ...smallNetwork, name: 3 }],
    ['net.name', { input: smallNetwork.input, layers }],
    ['net.input', { ...smallNetwork, input: [8, 8, 1] }],
    ['net.input', { ...smallNetwork, input: { ...smallNetwork.input, depth: 1 } }],
    ['net.input.height', { ...smallNetwork, input: { ...smallNetwork.input, height: '8' } }],
    ['net.input.width', { ...smallNetwork, input: { ...smallNetwork.input, width: 1.5 } }],
    ['net', { ...smallNetwork, input: { ...smallNetwork.input, width: 0 } }],
    ['net', { ...smallNetwork, input: { ...smallNetwork.input, channels: -1 } }],
    ['net.layers', { ...smallNetwork, layers: { length: 1 } }],
    ['net', { ...smallNetwork, layers: [] }],
    ['net.layers[1].kind', withLayer(1, { kind: 'groupNorm' })],
    ['net.layers[1].kind', withLayer(1, { kind: 'constructor' })],
    ['net.layers[1].kind', withLayer(1, { kind: ['batchNorm'] })],
    ['net.layers[0]', withLayer(0, { weight: [1] })],
    ['net.layers[0].outChannels', withLayer(0, { outChannels: 2 ** 53 })],
    ['net.layers[0].outChannels', withLayer(0, { outChannels: null })],
    ['net', withLayer(0, { outChannels: 0 })],
    ['net.layers[0].kernel', withLayer(0, { kernel: [3] })],
    ['net.layers[0].kernel', withLayer(0, { kernel: 'global' })],
    ['net.layers[0].stride', withLayer(0, { stride: [1, 1, 1] })],
    ['net.layers[0].padding', withLayer(0, { padding: { 0: 1, 1: 1, length: 2 } })],
    ['net.layers[0].padding', withLayer(0, { padding: [1, 1, 1] })],
    ['net.layers[0].padding', withLayer(0, { padding: [1, 1, 1, '1'] })],
    ['net', withLayer(0, { padding: [-1, -1] })],
    ['net', withLayer(0, { padding: [1, 1, 1, -1] })],
    ['net', withLayer(0, { groups: 3 })],
    ['net.layers[0].bias', withLayer(0, { bias: 1 })],
    ['net.layers[0].adjust', withLayer(0, { adjust: 'both' })],
    ['net.layers[0].adjust', withLayer(0, { adjust: '__proto__' })],
    ['net.layers[1].epsilon', withLayer(1, { epsilon: '1e-5' })],
    ['net.layers[2].inputs', withLayer(2, { inputs: 'norm' })],
    ['net.layers[2].inputs', withLayer(2, { inputs: [1] })],
    ['net', withLayer(2, { inputs: ['mean'] })],
    ['net', withLayer(2, { inputs: [] })],
    ['net', withLayer(2, { name: 'norm' })],
    ['net', withLayer(2, { name: 'input' })],
    ['net.layers[2].maximum', withLayer(2, { maximum: '6' })],
    ['net.layers[2].maximum', withLayer(2, { maximum: null })],
    ['net', withLayer(2, { maximum: -6 })],
    ['net.layers[5].ceilMode', withLayer(5, { ceilMode: 'yes' })],
    ['net.layers[5].countPadding', withLayer(5, { countPadding: 1 })],
  ])('names %s in its refusal (case %#)', (parameter, value) => {
    expectError(() => accepted(value), FormatError, { operation: 'network', parameter });
  });

  it.each([
    ['net', JSON.stringify(smallNetwork).replace('{', '{"__proto__": {"polluted": true}, ')],
    ['net.layers[0]', JSON.stringify(smallNetwork).replace('"kind"', '"__proto__": {"polluted": true}, "kind"')],
    ['net.layers[0].kind', JSON.stringify(smallNetwork).replace('"convolution"', hostileObject)],
    ['net.layers[0].kind', JSON.stringify(smallNetwork).replace('"convolution"', nested)],
    ['net.layers[0].kernel', JSON.stringify(smallNetwork).replace('[3,3]', nested)],
    ['net.name', JSON.stringify(smallNetwork).replace('"two-convolutions"', hostileObject)],
    ['net.layers[0].kernel', JSON.stringify(smallNetwork).replace('[3,3]', `[3, ${hostileObject}]`)],
  ])('is refused at %s where it is out to harm (case %#)', (parameter, text) => {
    expectError(() => parseNetwork(JSON.parse(text), 'net'), FormatError, { operation: 'network', parameter });
    expect('polluted' in {}).toBe(false);
  });

  it('is refused with more layers than are read', () => {
    const relus = (count: number) => {
      const layers = Array.from({ length: count }, (_, at) => ({
        kind: 'relu',
        name: `${at}`,
        inputs: [at === 0 ? 'input' : `${at - 1}`],
      }));
      return { ...smallNetwork, layers };
    };
    expect(accepted(relus(10_000)).layers).toHaveLength(10_000);
    const named = { operation: 'network', parameter: 'net.layers', got: '10001' };
    expectError(() => accepted(relus(10_001)), LimitError, named);
    const inputs = Array.from({ length: 10_001 }, () => 'input');
    const wide = { ...smallNetwork, layers: [{ kind: 'concat', name: 'wide', inputs }] };
    expectError(() => accepted(wide), FormatError, { parameter: 'net.layers[0].inputs' });
  });

  it('is named shortly however long it is', () => {
    const long = 'x'.repeat(1e6);
    for (const value of [
      { ...smallNetwork, [long]: 1 },
      withLayer(0, { adjust: long }),
      withLayer(2, { inputs: [long] }),
    ]) {
      let thrown: unknown;
      try {
        accepted(value);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(FormatError);
      expect((thrown as FormatError).message.length).toBeLessThan(1000);
    }
  });
});

describe('a file at random', () => {
  let sound: Uint8Array;
  let headerLength: number;
  beforeAll(() => {
    sound = fileOf(JSON.stringify(record));
    headerLength = 8 + Number(new DataView(sound.buffer).getBigUint64(0, true));
  });

  const formatErrorAtMost = (bytes: Uint8Array): boolean => {
    try {
      const { network, values } = decodeCheckpoint(bytes);
      for (const { name, shape } of networkParameters(network)) {
        if (values.get(name)?.length !== elementCount(shape)) return false;
      }
      return true;
    } catch (error) {
      if (error instanceof FormatError || error instanceof LimitError || error instanceof UnsupportedError) return true;
      throw error;
    }
  };

  it('is refused wherever it is cut', () => {
    for (let length = 0; length < sound.length; length += length < headerLength ? 7 : 101) {
      expect(() => decodeCheckpoint(sound.slice(0, length)), `${length} bytes`).toThrow(FormatError);
    }
  });

  it('is read or refused with other bytes in its header', () => {
    const byte = fc.oneof(
      fc.constantFrom(...'"{}[],:-0129eE\\ '.split('').map((text) => text.charCodeAt(0))),
      fc.nat(255),
    );
    const changes = fc.array(fc.tuple(fc.nat(headerLength - 1), byte), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = sound.slice();
        for (const [place, value] of list) bytes[place] = value;
        return formatErrorAtMost(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('is read or refused with another value anywhere in its record', () => {
    const value = fc.oneof(
      fc.constantFrom(hostileObject, nested, '1e999', '-0', '9007199254740991', '{}', '[]', '"global"'),
      fc.json(),
    );
    const paths = pathsOf(record);
    fc.assert(
      fc.property(fc.nat(paths.length - 1), value, (index, text) => {
        const changed = JSON.parse(JSON.stringify(record)) as typeof record;
        const path = paths[index]!;
        const parent = path.slice(0, -1).reduce<Record<string, unknown>>((at, key) => at[key] as typeof at, changed);
        parent[path.at(-1)!] = 'HERE';
        return formatErrorAtMost(fileOf(JSON.stringify(changed).replace('"HERE"', () => text)));
      }),
      { numRuns: 1000 },
    );
  });
});

/** Where every value of a JSON value is. */
function pathsOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [[key], ...pathsOf(member).map((path) => [key, ...path])]);
}
