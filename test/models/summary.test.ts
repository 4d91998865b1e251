import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { networkByName } from '../../src/models/networkByName.js';
import { summarise } from '../../src/models/summary.js';
import { goldenHeader } from './goldenHeader.js';
import { convolution, networkOf, pool } from './layers.js';

describe('summarise', () => {
  it.each([
    ['resnet50', '0.69 %'],
    ['resnet8', '4.14 %'],
  ])('counts for the IC form of %s the %s more that README says', async (name, share) => {
    const [plain, ic] = [name, `ic-${name}`].map((one) => summarise(networkByName(one)).multiplyAdds);
    expect(`${((ic! / plain! - 1) * 100).toFixed(2)} %`).toBe(share);
    expect(await readFile(new URL('../../README.md', import.meta.url), 'utf8')).toContain(share);
  });

  it('counts by hand', () => {
    const network = networkOf(
      convolution({ name: 'plain', outChannels: 6, groups: 2, bias: true }),
      convolution({ name: 'output', inputs: ['plain'], outChannels: 10, groups: 2, padding: [0, 0], adjust: 'output' }),
      convolution({ name: 'point', inputs: ['output'], kernel: [1, 1], padding: [0, 0], adjust: 'input' }),
      { kind: 'batchNorm', name: 'bn', inputs: ['point'], epsilon: 1e-5, momentum: 0.1 },
      { kind: 'relu', name: 'relu', inputs: ['bn'] },
      pool({ inputs: ['relu'] }),
      { kind: 'dense', name: 'fc', inputs: ['pool'], outFeatures: 10, bias: true },
      { kind: 'dense', name: 'unit', inputs: ['fc'], outFeatures: 4, bias: true, adjust: 'output', offset: true },
    );
    const { name, layers } = summarise(network, 2);
    expect(name).toBe('test');
    const rows = layers.map((layer) => [layer.name, layer.kind, layer.shape, layer.parameters, layer.multiplyAdds]);
    expect(rows).toEqual([
      ['plain', 'convolution', [2, 6, 8, 6], 6 * 18 + 6, 2 * 48 * 6 * 18],
      // The window sums of 2 groups of 27 values, and one recalibration an output.
      ['output', 'convolution', [2, 4, 6, 10], 10 * 27 + 10, 2 * 24 * (10 * 27 + 2 * 27 + 10)],
      ['point', 'convolution', [2, 4, 6, 8], 8 * 10 + 10, 2 * 24 * (8 * 10 + 10 + 8)],
      ['bn', 'batchNorm', [2, 4, 6, 8], 16, 0],
      ['relu', 'relu', [2, 4, 6, 8], 0, 0],
      ['pool', 'maxPool', [2, 2, 3, 8], 0, 0],
      // 2 x 3 x 8 inputs to each of 10 outputs.
      ['fc', 'dense', [2, 1, 1, 10], 480 + 10, 2 * 480],
      // The sum of 10 inputs, and one recalibration an output.
      ['unit', 'dense', [2, 1, 1, 4], 4 * 10 + 12, 2 * (4 * 10 + 10 + 4)],
    ]);
  });

  it.each(['resnet20', 'ic-resnet18'])('sums the layers of %s, multiply-adds in proportion to the batch', (name) => {
    const one = summarise(networkByName(name));
    const three = summarise(networkByName(name), 3);
    const total = (of: 'parameters' | 'multiplyAdds') => one.layers.reduce((sum, layer) => sum + layer[of], 0);
    expect(one.parameters).toBe(total('parameters'));
    expect(one.multiplyAdds).toBe(total('multiplyAdds'));
    expect(three.parameters).toBe(one.parameters);
    expect(three.multiplyAdds).toBe(3 * one.multiplyAdds);
  });

  it.each([
    ['resnet18', 11_689_512, 1_814_073_344],
    ['resnet34', 21_797_672, 3_663_761_408],
    ['resnet50', 25_557_032, 4_089_184_256],
    ['resnet101', 44_549_160, 7_801_405_440],
    ['resnet152', 60_192_808, 11_513_626_624],
  ])('counts %s as the literature does', (name, parameters, multiplyAdds) => {
    expect(summarise(networkByName(name))).toMatchObject({ parameters, multiplyAdds });
  });

  it.each(['ic_resnet18', 'ic_resnet50', 'resnet50'])('counts the parameters of %s as PyTorch does', (file) => {
    const count = Number(goldenHeader(file).metadata.count);
    expect(summarise(networkByName(file.replace('_', '-'))).parameters).toBe(count);
  });

  it('shows IC-ResNet-50 within 1.5 % of ResNet-50, and ResNet-101 at about twice its multiply-adds', () => {
    const plain = summarise(networkByName('resnet50'));
    const ic = summarise(networkByName('ic-resnet50'));
    const deeper = summarise(networkByName('resnet101'));
    for (const total of ['parameters', 'multiplyAdds'] as const) {
      expect(ic[total]).toBeGreaterThan(plain[total]);
      expect(ic[total] / plain[total]).toBeLessThan(1.015);
    }
    expect(deeper.multiplyAdds / plain.multiplyAdds).toBeGreaterThan(1.85);
    expect(deeper.multiplyAdds / plain.multiplyAdds).toBeLessThan(2);
  });

  it('refuses a batch that is none', () => {
    expect(() => summarise(networkOf(convolution()), 0)).toThrow(ShapeError);
  });
});
