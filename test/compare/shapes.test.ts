import { describe, expect, it } from 'vitest';
import { namedShapes, shapeFileOf, shapeFiles } from '../../src/compare/shapes.js';
import { windowSums } from '../../src/compare/suites/ic.js';
import { uniformValues } from '../../src/compare/values.js';
import { networkByName } from '../../src/models/networkByName.js';
import { summarise } from '../../src/models/summary.js';
import { checkConvolution } from '../../src/ops/convolution/shape.js';

describe('shape files', () => {
  it.each(
    shapeFiles.map((file) => ({ file, name: `${file.network} batch ${file.batch}` })),
  )('$name holds what the network asks for', ({ file }) => {
    expect(file).toEqual(shapeFileOf(networkByName(file.network), file.batch));
    // An IC network has the convolutions of its plain one.
    expect(shapeFileOf(networkByName(`ic-${file.network}`), file.batch).convolutions).toEqual(file.convolutions);
  });

  it('counts every layer: the multiply-adds are those of the whole network but its last layer', () => {
    for (const { network, batch, convolutions } of shapeFiles) {
      const shapes = namedShapes().filter(({ name }) => name.startsWith(`${network} b${batch} `));
      const counted = shapes.reduce(
        (sum, { shape }, index) => sum + checkConvolution('test', shape).multiplyAdds * convolutions[index]!.layers,
        0,
      );
      const { multiplyAdds, layers } = summarise(networkByName(network), batch);
      expect(counted).toBe(multiplyAdds - layers.at(-1)!.multiplyAdds);
    }
  });

  it('has a name of its own for every shape', () => {
    const names = namedShapes().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('resnet50 b8 3x3/2 56x56 128->128');
  });
});

describe('windowSums', () => {
  it('sums what lies under each window, with nothing outside of the image', () => {
    const shape = {
      batch: 2,
      inHeight: 2,
      inWidth: 3,
      inChannels: 2,
      outChannels: 1,
      kernel: [3, 3],
      stride: [2, 2],
      padding: [1, 1],
      dilation: [1, 1],
      groups: 1,
    } as const;
    const input = Float32Array.from({ length: 24 }, (_, i) => i);
    // First image, pixels 1 5 9 / 13 17 21; the second has 24 more everywhere.
    expect([...windowSums(shape, input)]).toEqual([36, 52, 132, 148]);
  });
});

describe('uniformValues', () => {
  it('fills the interval, and differs by seed', () => {
    const values = uniformValues(10_000, 1, 2, 4);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.min(...values)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...values)).toBeLessThanOrEqual(4);
    expect(mean).toBeCloseTo(3, 1);
    expect(uniformValues(4, 1)).not.toEqual(uniformValues(4, 2));
  });
});
