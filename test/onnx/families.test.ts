import { describe, expect, it } from 'vitest';
import { decodeOnnx, encodeOnnx } from '../../src/onnx.js';
import { deviceFamilies } from '../networks/familyNetworks.js';
import { networkForward } from '../reference/network.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { formulaWeights } from './cases.js';
import { runOnnx } from './runtime.js';

const networks = Object.entries(deviceFamilies).flatMap(([family, make]) =>
  [false, true].map((ic) => ({ name: `${ic ? 'ic-' : ''}${family}`, network: make(ic) })),
);

describe.each(networks)('$name', ({ network }) => {
  const weights = formulaWeights(network);
  const file = encodeOnnx(network, weights);

  it('runs in ONNX Runtime as in float64', async () => {
    const { height, width, channels } = network.input;
    const images = uniform(2 * height * width * channels, 1);
    const { logits } = networkForward(network, weights, images, { training: false });
    const { values } = await runOnnx(file, network.input, images);
    expect(distance(values, logits) / distance(logits, new Float64Array(logits.length))).toBeLessThan(1e-5);
  });

  it('comes back with every name', () => {
    const decoded = decodeOnnx(file);
    expect(decoded.network).toEqual(network);
    expect([...decoded.values.keys()].sort()).toEqual([...weights.keys()].sort());
  });
});
