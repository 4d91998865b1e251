import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isICUnit, type Layer, type Network, type UnitLayer } from '../../src/graph/network.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { cifarResNet, imageNetResNet } from '../../src/models/resnet.js';
import { toIC } from '../../src/models/toIC.js';
import { decodeOnnx, encodeOnnx } from '../../src/onnx.js';
import { randomState } from '../graph/networks.js';
import { networkForward } from '../reference/network.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { exportedNetworks, formulaWeights } from './cases.js';
import { runOnnx } from './runtime.js';

/** The largest error as a share of the largest value. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return distance(actual, expected) / distance(expected, new Float64Array(expected.length));
}

/** Makes dense layers alone IC units. */
const denseAlone = { convolutions: () => false, dense: () => true };

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function imagesOf({ input: { height, width, channels } }: Network, batch: number, seed: number): Float32Array {
  return uniform(batch * height * width * channels, seed);
}

describe.each(exportedNetworks.map((network, index) => ({ name: network.name, network, seed: index + 1 })))('$name', ({
  network,
  seed,
}) => {
  it('comes back as the same network', () => {
    const values = randomState(network, seed);
    const decoded = decodeOnnx(encodeOnnx(network, values));
    const images = imagesOf(network, 2, seed);
    const run = (n: Network, v: ReadonlyMap<string, Float32Array>) => networkForward(n, v, images, { training: false });
    // Sums of channels that have been cut and joined may go another way round.
    const [again, before] = [run(decoded.network, decoded.values).logits, run(network, values).logits];
    expect(relativeError(again, before)).toBeLessThan(1e-12);
    // Branches that lead nowhere do not come back. Pools of one pixel to itself and shuffles that change nothing are nothing to ONNX,
    // and one ahead of a dense layer is a matter of its weights.
    const shapes = inferShapes(network, 1);
    const isRead = (name: string): boolean =>
      network.layers.some(({ kind, inputs }) => kind !== 'dense' && inputs.includes(name));
    const isNothing = ({ name, ...layer }: Layer): boolean =>
      name.startsWith('nowhere') ||
      (layer.kind === 'shuffle' && (layer.groups === shapes.get(name)![3] || !isRead(name)));
    const kinds = (n: Network) =>
      n.layers.map((layer) => ({
        kind: layer.kind,
        adjust: 'adjust' in layer && layer.adjust,
        offset: 'offset' in layer && layer.offset,
      }));
    const living = network.layers.filter((layer) => !isNothing(layer));
    expect(kinds(decoded.network)).toEqual(kinds({ ...network, layers: living }));
  });
});

it.each([
  ['ic-resnet18', imageNetResNet({ depth: 18, ic: true, classes: 7 })],
  ['resnet14', cifarResNet({ depth: 14, ic: false })],
  ['ic-resnet8, input form', cifarResNet({ depth: 8, ic: true, adjust: 'input' })],
  ['ic-resnet8 with offsets', cifarResNet({ depth: 8, ic: true, offset: true })],
  ['resnet8 with a fully connected unit', toIC(cifarResNet({ depth: 8, ic: false }), { ...denseAlone, offset: true })],
] satisfies [string, Network][])('%s comes back with every name', (_, network) => {
  const values = formulaWeights(network);
  const decoded = decodeOnnx(encodeOnnx(network, values));
  expect(decoded.network).toEqual(network);
  expect([...decoded.values.keys()].sort()).toEqual([...values.keys()].sort());
  // Element by element takes the test framework minutes.
  for (const [key, value] of values)
    expect(Buffer.from(value.buffer).equals(bytesOf(decoded.values.get(key)!)), key).toBe(true);
});

describe.each([
  { name: 'mobile', adjusts: [] },
  { name: 'dense', adjusts: [] },
  { name: 'plain', adjusts: [] },
  { name: 'ic_resnet', adjusts: Array(6).fill('output') },
  { name: 'ic_grouped', adjusts: ['input', 'input', 'output'] },
  { name: 'ic_offset', adjusts: ['output', 'input', 'output', 'output'], offsets: [true, true, true, false] },
])("PyTorch's $name", ({ name, adjusts, offsets = adjusts.map(() => false) }) => {
  const file = readFileSync(new URL(`../golden/onnx/${name}.onnx`, import.meta.url));
  const { network, values } = decodeOnnx(file, { name: `${name}.onnx` });

  it('is the network that ONNX Runtime runs', async () => {
    const images = imagesOf(network, 2, 7);
    const { values: expected } = await runOnnx(file, network.input, images);
    const { logits } = networkForward(network, values, images, { training: false });
    expect(relativeError(logits, expected)).toBeLessThan(1e-5);
  });

  it('has the IC units that it was made of, and can have them', () => {
    const found = (n: Network) => n.layers.filter(isICUnit) as UnitLayer[];
    expect(found(network).map(({ adjust }) => adjust)).toEqual(adjusts);
    expect(found(network).map(({ offset = false }) => offset)).toEqual(offsets);
    const units = network.layers.filter(({ kind }) => kind === 'convolution' || kind === 'dense');
    expect(found(toIC(network, { dense: () => true }))).toHaveLength(units.length);
  });
});
