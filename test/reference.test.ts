import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Adjust, Network } from '../src/graph/network.js';
import { goldenBatch, goldenParameters, loadGolden } from './golden/load.js';
import {
  type ConvolutionBackwardOperands,
  type ConvolutionOperands,
  convolutionBackwardMagnitude,
  convolutionBackwardReference,
  convolutionMagnitude,
  convolutionReference,
} from './reference/convolution.js';
import { denseBackwardReference, denseReference } from './reference/dense.js';
import { crossEntropyReference, topKCountReference } from './reference/loss.js';
import { networkBackward, networkForward } from './reference/network.js';
import {
  batchNormBackwardReference,
  batchNormReference,
  batchStatisticsReference,
  runningStatisticsReference,
} from './reference/normalisation.js';
import { adamWStepReference, clipByGlobalNormReference, sgdStepReference } from './reference/optimisers.js';
import {
  concatBackwardReference,
  concatReference,
  reluBackwardReference,
  reluReference,
  softmaxReference,
} from './reference/pointwise.js';
import {
  maxPoolBackwardReference,
  maxPoolReference,
  meanPoolBackwardReference,
  meanPoolReference,
} from './reference/pooling.js';
import {
  transposedConvolutionBackwardReference,
  transposedConvolutionReference,
} from './reference/transposedConvolution.js';
import { hwioToOihw, nchwToNhwc, nhwcToNchw, oihwToHwio } from './support/layout.js';
import { randomArray, randomIntegers } from './support/random.js';
import { cifarResNet, parameterShapes } from './support/resnet.js';
import { EPSILON, expectClose, reportShares, summationBound } from './support/tolerance.js';

interface GoldenConvolution {
  readonly ic: boolean;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly bias: boolean;
  readonly x: [number, number, number, number];
  readonly w: [number, number, number, number];
}

type Shape4 = [number, number, number, number];

/** Golden values are float64 results rounded once to float32; what differs besides is float64 rounding. */
function roundedOnce(expected: ArrayLike<number>): Float64Array {
  return Float64Array.from(expected, (value) => EPSILON * Math.abs(value) + 1e-12);
}

/** Holds a gradient of a scalar function to central differences. */
function expectGradient(
  f: (at: Float64Array<ArrayBuffer>) => number,
  at: ArrayLike<number>,
  gradient: ArrayLike<number>,
  what: string,
): void {
  const step = 1e-5;
  const point = Float64Array.from(at);
  const differences = point.map((value, i) => {
    point[i] = value + step;
    const above = f(point);
    point[i] = value - step;
    const below = f(point);
    point[i] = value;
    return (above - below) / (2 * step);
  });
  const scale = Math.max(1, ...differences.map(Math.abs));
  expectClose(Float64Array.from(gradient), differences, 1e-8 * scale, what);
}

function dot(left: ArrayLike<number>, right: ArrayLike<number>): number {
  return Float64Array.from(left, (value, i) => value * right[i]!).reduce((sum, value) => sum + value, 0);
}

describe('golden convolutions', () => {
  const golden = loadGolden('conv');
  const cases = golden.metadata.cases as GoldenConvolution[];

  it('are all there', () => {
    expect(cases).toHaveLength(23);
    expect(cases.filter((one) => one.ic)).toHaveLength(19);
  });

  it.each(cases.map((one, index) => [index, one] as const))('case %i: %o', (index, one) => {
    const value = (name: string) => golden.tensor(`${index}.${name}`);
    const images = (name: string) => nchwToNhwc(value(name).data, value(name).shape as Shape4);
    const both = (size: number) => [size, size] as const;
    const [batch, channels, height, width] = one.x;
    const [outChannels, groupChannels, filterHeight, filterWidth] = one.w;
    const operands: ConvolutionBackwardOperands = {
      x: images('x'),
      shape: [batch, height, width, channels],
      filter: oihwToHwio(value('w').data, one.w),
      filterShape: [filterHeight, filterWidth, groupChannels, outChannels],
      bias: one.bias ? value('b').data : undefined,
      adjust: one.ic ? value('a').data : undefined,
      mode: one.ic ? 'output' : 'none',
      stride: both(one.stride),
      padding: both(one.padding),
      dilation: both(one.dilation),
      groups: one.groups,
      dy: images('dy'),
    };
    const compare = (name: string, actual: Float64Array, expected: Float32Array) =>
      expectClose(actual, expected, roundedOnce(expected), `convolution ${index} ${name}`);
    const { y, outShape, excess } = convolutionReference(operands);
    const { dx, dFilter, dBias, dAdjust } = convolutionBackwardReference(operands);

    expect(nhwcShape(value('y').shape)).toEqual(outShape);
    compare('y', y, images('y'));
    compare('dx', dx, images('dx'));
    compare('dw', dFilter, oihwToHwio(value('dw').data, one.w));
    if (one.bias) compare('db', dBias, value('db').data);
    if (one.ic) {
      compare('da', dAdjust, value('da').data);
      expect(excess.some((v) => v > 0) && excess.some((v) => v < 0)).toBe(true);
    }
  });
});

function nhwcShape([n, c, h, w]: readonly number[]): (number | undefined)[] {
  return [n, h, w, c];
}

/** Different in height and width wherever it can be, in two groups, with bias. */
function lopsidedConvolution(mode: Adjust, offset: boolean): ConvolutionBackwardOperands {
  const shape = [2, 6, 5, 4] as const;
  const filterShape = [3, 2, 2, 6] as const;
  const adjustLengths = { none: 0, output: 6, input: 4 };
  return {
    x: randomArray(240, 1),
    shape,
    filter: randomArray(72, 2),
    filterShape,
    bias: randomArray(6, 3),
    adjust: mode === 'none' ? undefined : randomArray(adjustLengths[mode], 4),
    offset: offset ? randomArray(6, 6) : undefined,
    mode,
    stride: [2, 1],
    padding: [1, 2],
    dilation: [1, 3],
    groups: 2,
    dy: randomArray(2 * 3 * 6 * 6, 5),
  };
}

describe.each([
  ['none', false],
  ['output', false],
  ['input', false],
  ['output', true],
  ['input', true],
] as const)('convolution, adjust %s, offset %s', (mode, offset) => {
  const operands = lopsidedConvolution(mode, offset);

  it('has the gradients of central differences', () => {
    const { excess } = convolutionReference(operands);
    if (mode !== 'none') {
      expect(Math.min(...excess.map(Math.abs))).toBeGreaterThan(1e-3);
      expect(excess.some((v) => v > 0) && excess.some((v) => v < 0)).toBe(true);
    }
    const lossWith = (changed: Partial<ConvolutionOperands>) =>
      dot(convolutionReference({ ...operands, ...changed }).y, operands.dy);
    const { dx, dFilter, dBias, dAdjust, dOffset } = convolutionBackwardReference(operands);

    expectGradient((x) => lossWith({ x }), operands.x, dx, `${mode} dx`);
    expectGradient((filter) => lossWith({ filter }), operands.filter, dFilter, `${mode} dFilter`);
    expectGradient((bias) => lossWith({ bias }), operands.bias!, dBias, `${mode} dBias`);
    expectGradient((adjust) => lossWith({ adjust }), operands.adjust ?? [], dAdjust, `${mode} dAdjust`);
    if (operands.offset) expectGradient((offset) => lossWith({ offset }), operands.offset, dOffset, `${mode} dOffset`);
  });

  it('has the magnitude of its terms: the value itself where all of them are positive', () => {
    const positive = (values: ArrayLike<number>) => Float64Array.from(values, Math.abs);
    // With negative adjusting weights the recalibration adds to z and always fires.
    const aligned = {
      ...operands,
      x: positive(operands.x),
      filter: positive(operands.filter),
      bias: positive(operands.bias!),
      adjust: operands.adjust && positive(operands.adjust).map((a) => -a),
      offset: operands.offset && positive(operands.offset),
      dy: positive(operands.dy),
    };
    const close = (actual: Float64Array, expected: Float64Array, what: string) =>
      expectClose(actual, expected.map(Math.abs), 1e-12, `${mode} magnitude ${what}`);
    const result = convolutionReference(aligned);
    const magnitude = convolutionMagnitude(aligned);
    const gradients = convolutionBackwardReference(aligned);
    const gradientMagnitude = convolutionBackwardMagnitude(aligned);
    for (const name of ['y', 'z', 'windowSum'] as const) close(magnitude[name], result[name], name);
    for (const name of ['dx', 'dFilter', 'dBias', 'dAdjust', 'dOffset', 'dz', 'dWindowSum'] as const) {
      close(gradientMagnitude[name], gradients[name], name);
    }
  });

  it('has a magnitude that does not cancel', () => {
    const values = { ...convolutionReference(operands), ...convolutionBackwardReference(operands) };
    const magnitudes = { ...convolutionBackwardMagnitude(operands), ...convolutionMagnitude(operands) };
    for (const name of ['y', 'z', 'windowSum', 'dx', 'dFilter', 'dBias', 'dAdjust'] as const) {
      const shares = values[name].map((value, i) => Math.abs(value) / (magnitudes[name][i]! + 1e-300));
      expect(Math.max(0, ...shares)).toBeLessThan(1 + 1e-12);
      if (shares.length > 0) expect(Math.min(...shares)).toBeLessThan(0.5);
    }
  });
});

it('an adjusting weight shared by all channels means the same at the input as at the output', () => {
  const small = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(
      fc.record({ groups: small, perGroup: small, outPerGroup: small, size: small, stride: small, seed: fc.nat(1e6) }),
      fc.double({ min: -0.5, max: 0.5, noNaN: true }),
      ({ groups, perGroup, outPerGroup, size, stride, seed }, a) => {
        const [channels, outChannels] = [groups * perGroup, groups * outPerGroup];
        const common = {
          x: randomArray(2 * 5 * 4 * channels, seed),
          shape: [2, 5, 4, channels] as const,
          filter: randomArray(size * size * perGroup * outChannels, seed + 1),
          filterShape: [size, size, perGroup, outChannels] as const,
          stride: [stride, 1] as const,
          padding: [1, 1] as const,
          dilation: [1, 1] as const,
          groups,
        };
        const atOutput = { ...common, mode: 'output' as const, adjust: Array(outChannels).fill(a) };
        const atInput = { ...common, mode: 'input' as const, adjust: Array(channels).fill(a) };
        const expected = convolutionReference(atOutput);
        const dy = randomArray(expected.y.length, seed + 2).map((v, i) =>
          Math.abs(expected.excess[i]!) > 1e-9 ? v : 0,
        );
        const gradients = convolutionBackwardReference({ ...atOutput, dy });
        const same = convolutionBackwardReference({ ...atInput, dy });
        expectClose(convolutionReference(atInput).y, expected.y, 1e-9, 'y at the input');
        expectClose(same.dx, gradients.dx, 1e-9, 'dx at the input');
        expectClose(same.dFilter, gradients.dFilter, 1e-9, 'dFilter at the input');
        const total = (values: Float64Array) => [values.reduce((sum, v) => sum + v, 0)];
        expectClose(total(same.dAdjust), total(gradients.dAdjust), 1e-8, 'dAdjust at the input');
      },
    ),
    { numRuns: 60 },
  );
});

describe('batch normalisation', () => {
  const [rows, channels] = [14, 3];
  const x = randomArray(rows * channels, 11, -2, 5);
  const scale = Float32Array.of(0.7, -1.3, 2);
  const shift = randomArray(channels, 12);
  const dy = randomArray(rows * channels, 13);
  const operands = { x, scale, shift, epsilon: 1e-3 };

  it('gives every channel the mean of its shift and the deviation of its scale', () => {
    const { mean, variance } = batchStatisticsReference(batchNormReference({ ...operands, epsilon: 0 }).y, channels);
    expectClose(mean, shift, 1e-12, 'normalised mean');
    expectClose(
      variance,
      scale.map((s) => s * s),
      1e-6,
      'normalised variance',
    );
  });

  it('has the gradients of central differences', () => {
    const { dx, dScale, dShift } = batchNormBackwardReference({ ...operands, dy });
    const lossWith = (changed: object) => dot(batchNormReference({ ...operands, ...changed }).y, dy);
    expectGradient((value) => lossWith({ x: value }), x, dx, 'batch norm dx');
    expectGradient((value) => lossWith({ scale: value }), scale, dScale, 'batch norm dScale');
    expectGradient((value) => lossWith({ shift: value }), shift, dShift, 'batch norm dShift');
  });

  it('keeps running statistics with the unbiased variance', () => {
    const batch = batchStatisticsReference([1, 2, 6], 1);
    const running = runningStatisticsReference({ mean: [10], variance: [1] }, batch, 3, 0.25);
    expectClose(running.mean, [0.75 * 10 + 0.25 * 3], 1e-12, 'running mean');
    expectClose(running.variance, [0.75 + 0.25 * 7], 1e-12, 'running variance');
  });
});

describe('pooling', () => {
  const geometry = { shape: [2, 5, 6, 3], kernel: [3, 2], stride: [2, 1], padding: [1, 1] } as const;
  const x = randomArray(180, 21);

  it.each([
    ['max', maxPoolReference, maxPoolBackwardReference],
    ['mean', meanPoolReference, meanPoolBackwardReference],
  ] as const)('%s has the gradients of central differences', (name, forward, backward) => {
    const sides = { stride: [3, 2], padding: [2, 0, 1, 1], ceilMode: true } as const;
    for (const [changes, size] of [
      [{ countPadding: true }, [3, 7]],
      [{ countPadding: false }, [3, 7]],
      [{ kernel: 'global' }, [1, 1]],
      [{ ...sides, countPadding: true }, [3, 3]],
      [{ ...sides, countPadding: false }, [3, 3]],
    ] as const) {
      const operands = { ...geometry, x, ...changes };
      const { y, outShape } = forward(operands);
      expect(outShape).toEqual([2, ...size, 3]);
      const dy = randomArray(y.length, 22);
      const dx = backward({ ...operands, dy });
      expectGradient((value) => dot(forward({ ...operands, x: value }).y, dy), x, dx, `${name} pool dx`);
    }
  });

  it('takes the first of equal maxima, never the padding, and keeps NaN', () => {
    const line = { shape: [1, 1, 4, 1], kernel: [1, 3], stride: [1, 1], padding: [0, 1] } as const;
    const ties = maxPoolReference({ ...line, x: [-2, -1, -1, -3] });
    expect([...ties.y]).toEqual([-1, -1, -1, -1]);
    expect([...maxPoolBackwardReference({ ...line, x: [-2, -1, -1, -3], dy: [1, 2, 4, 8] })]).toEqual([0, 7, 8, 0]);
    expect([...maxPoolReference({ ...line, x: [1, Number.NaN, 3, 4] }).y]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
      4,
    ]);
  });

  it('counts padding in the mean, or leaves it out', () => {
    const line = { shape: [1, 1, 3, 1], kernel: [1, 3], stride: [1, 1], padding: [0, 1] } as const;
    expectClose(meanPoolReference({ ...line, x: [3, 6, 12] }).y, [3, 7, 6], 1e-12, 'mean pool with padding');
    const without = meanPoolReference({ ...line, x: [3, 6, 12], countPadding: false });
    expectClose(without.y, [4.5, 7, 9], 1e-12, 'mean pool without padding');
  });
});

it('a transposed convolution has the gradients of central differences', () => {
  const operands = {
    x: randomArray(2 * 3 * 2 * 4, 23),
    shape: [2, 3, 2, 4],
    filter: randomArray(3 * 2 * 3 * 4, 24),
    filterShape: [3, 2, 3, 4],
    bias: randomArray(6, 25),
    stride: [2, 3],
    padding: [1, 0, 0, 2],
    outputPadding: [1, 0],
    dilation: [1, 2],
    groups: 2,
  } as const;
  const { y, outShape } = transposedConvolutionReference(operands);
  expect(outShape).toEqual([2, 7, 4, 6]);
  const dy = randomArray(y.length, 26);
  const lossWith = (changed: object) => dot(transposedConvolutionReference({ ...operands, ...changed }).y, dy);
  const { dx, dFilter, dBias } = transposedConvolutionBackwardReference({ ...operands, dy });
  expectGradient((x) => lossWith({ x }), operands.x, dx, 'transposed dx');
  expectGradient((filter) => lossWith({ filter }), operands.filter, dFilter, 'transposed dFilter');
  expectGradient((bias) => lossWith({ bias }), operands.bias, dBias, 'transposed dBias');
});

it('relu passes the gradient where its input is positive', () => {
  expect([...reluReference([-1, 0, 2, Number.NaN])]).toEqual([0, 0, 2, Number.NaN]);
  expect([...reluBackwardReference([-1, 0, 2], [3, 4, 5])]).toEqual([0, 0, 5]);
});

it('a bounded relu passes it below the bound alone', () => {
  expect([...reluReference([-1, 0, 2, 6, 7, Number.NaN], 6)]).toEqual([0, 0, 2, 6, 6, Number.NaN]);
  expect([...reluBackwardReference([-1, 0, 2, 6, 7], [3, 4, 5, 6, 7], 6)]).toEqual([0, 0, 5, 0, 0]);
  const x = randomArray(40, 23, -1, 2);
  const dy = randomArray(40, 24);
  const dx = reluBackwardReference(x, dy, 1);
  expectGradient((value) => dot(reluReference(value, 1), dy), x, dx, 'bounded relu dx');
});

it('concat puts channels side by side, and has the gradients of central differences', () => {
  expect([
    ...concatReference(
      [
        [1, 2, 3, 4],
        [5, 6],
      ],
      [2, 1],
    ),
  ]).toEqual([1, 2, 5, 3, 4, 6]);
  const inputs = [randomArray(6, 25), randomArray(12, 26)] as const;
  const dy = randomArray(18, 27);
  const [left, right] = concatBackwardReference(dy, [2, 4]);
  const lossWith = (a: ArrayLike<number>, b: ArrayLike<number>) => dot(concatReference([a, b], [2, 4]), dy);
  expectGradient((value) => lossWith(value, inputs[1]), inputs[0], left!, 'concat left');
  expectGradient((value) => lossWith(inputs[0], value), inputs[1], right!, 'concat right');
});

it('softmax gives the shares of the exponentials', () => {
  const [one, two] = [Math.exp(1), Math.exp(2)];
  const expected = [1 / (1 + one + two), one / (1 + one + two), two / (1 + one + two), 0.5, 0.5, 0];
  expectClose(softmaxReference([0, 1, 2, 1000, 1000, -Infinity], 3), expected, 1e-15, 'softmax');
});

it('dense has the gradients of central differences', () => {
  const operands = { x: randomArray(12, 31), weight: randomArray(20, 32), bias: randomArray(5, 33) };
  const sizes = { inFeatures: 4, outFeatures: 5 };
  const dy = randomArray(15, 34);
  const { dx, dWeight, dBias } = denseBackwardReference({ ...operands, ...sizes, dy });
  const lossWith = (changed: object) => dot(denseReference({ ...operands, ...sizes, ...changed }), dy);
  expectGradient((x) => lossWith({ x }), operands.x, dx, 'dense dx');
  expectGradient((weight) => lossWith({ weight }), operands.weight, dWeight, 'dense dWeight');
  expectGradient((bias) => lossWith({ bias }), operands.bias, dBias, 'dense dBias');
});

describe('cross entropy', () => {
  const classes = 7;
  const logits = randomArray(4 * classes, 41, -3, 3);
  const labels = randomIntegers(4, 42, classes);

  it.each([0, 0.1, 1])('with smoothing %d has the gradient of central differences', (smoothing) => {
    const { loss, losses, dLogits } = crossEntropyReference({ logits, labels, classes }, smoothing);
    expectClose([losses.reduce((sum, value) => sum + value, 0) / 4], [loss], 1e-12, 'mean loss');
    const lossAt = (at: Float64Array) => crossEntropyReference({ logits: at, labels, classes }, smoothing).loss;
    expectGradient(lossAt, logits, dLogits, 'cross entropy dLogits');
  });

  it('is the logarithm of the number of classes for equal logits, and linear in the smoothing', () => {
    const equal = crossEntropyReference({ logits: [5, 5, 5, 5], labels: [2], classes: 4 }, 0.3);
    expectClose([equal.loss], [Math.log(4)], 1e-12, 'equal logits');
    const lossOf = (smoothing: number) => crossEntropyReference({ logits, labels, classes }, smoothing).loss;
    expectClose([lossOf(0.2)], [0.8 * lossOf(0) + 0.2 * lossOf(1)], 1e-12, 'smoothing');
  });

  it('does not overflow', () => {
    expect(crossEntropyReference({ logits: [1e4, -1e4], labels: [1], classes: 2 }).loss).toBe(2e4);
    expect(crossEntropyReference({ logits: [1e4, -1e4], labels: [0], classes: 2 }).loss).toBe(0);
  });

  it('counts the label among the k largest, lower classes first', () => {
    const operands = { logits: [3, 1, 3, 2, 0, 0, 0, 0], labels: [2, 1], classes: 4 };
    expect([1, 2, 3].map((k) => topKCountReference(operands, k))).toEqual([0, 2, 2]);
  });
});

describe('optimisers', () => {
  it('SGD sums the geometric series of a constant gradient', () => {
    const options = { learningRate: 0.1, momentum: 0.9, nesterov: false, weightDecay: 0 };
    const run = (nesterov: boolean) => {
      const [parameter, velocity] = [Float64Array.of(1), new Float64Array(1)];
      for (let step = 0; step < 5; step++) sgdStepReference(parameter, [2], velocity, { ...options, nesterov });
      return parameter;
    };
    const velocities = [1, 2, 3, 4, 5].map((t) => (2 * (1 - 0.9 ** t)) / 0.1);
    const plain = velocities.reduce((p, v) => p - 0.1 * v, 1);
    const nesterov = velocities.reduce((p, v) => p - 0.1 * (2 + 0.9 * v), 1);
    expectClose(run(false), [plain], 1e-12, 'SGD');
    expectClose(run(true), [nesterov], 1e-12, 'SGD with Nesterov momentum');
  });

  it('SGD adds the decayed parameter to the gradient', () => {
    const parameter = Float64Array.of(4);
    const options = { learningRate: 0.5, momentum: 0, nesterov: false, weightDecay: 0.25 };
    sgdStepReference(parameter, [3], new Float64Array(1), options);
    expect(parameter[0]).toBe(4 - 0.5 * (3 + 1));
    const ahead = Float64Array.of(4);
    sgdStepReference(ahead, [3], new Float64Array(1), { ...options, momentum: 0.5, nesterov: true });
    expect(ahead[0]).toBe(4 - 0.5 * (1 + 0.5) * (3 + 1));
  });

  it('AdamW moves by the learning rate along a constant gradient, and decays apart from it', () => {
    const options = { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 0.5, weightDecay: 0.1 };
    const parameter = Float64Array.of(1, 1);
    const state = { first: new Float64Array(2), second: new Float64Array(2) };
    let expected = [1, 1];
    for (let step = 1; step <= 4; step++) {
      adamWStepReference(parameter, [2, -3], state, step, options);
      expected = expected.map((p, i) => p * (1 - 0.01 * 0.1) - 0.01 * [2 / 2.5, -3 / 3.5][i]!);
      expectClose(parameter, expected, 1e-12, `AdamW step ${step}`);
    }
  });

  it('AdamW averages a changing gradient', () => {
    const options = { learningRate: 1, beta1: 0.5, beta2: 0.75, epsilon: 0, weightDecay: 0 };
    const parameter = Float64Array.of(0);
    const state = { first: new Float64Array(1), second: new Float64Array(1) };
    adamWStepReference(parameter, [1], state, 1, options);
    adamWStepReference(parameter, [3], state, 2, options);
    const first = (0.5 * 0.5 * 1 + 0.5 * 3) / (1 - 0.25);
    const second = (0.75 * 0.25 * 1 + 0.25 * 9) / (1 - 0.5625);
    expectClose(parameter, [-1 - first / Math.sqrt(second)], 1e-12, 'AdamW averages');
  });

  it('clips all gradients by their common norm, and only where it is too large', () => {
    const gradients = [Float64Array.of(3), Float64Array.of(0, 4)];
    expect(clipByGlobalNormReference(gradients, 10)).toBe(5);
    expect(gradients.map((one) => [...one])).toEqual([[3], [0, 4]]);
    expect(clipByGlobalNormReference(gradients, 1)).toBe(5);
    expectClose([gradients[0]![0]!, gradients[1]![1]!], [3 / 5.000001, 4 / 5.000001], 1e-15, 'clipped');
  });
});

describe('networks', () => {
  /** Every kind of layer, grouped and asymmetric, both recalibration forms, one output read twice, dense over an image. */
  const network: Network = {
    name: 'mixed',
    input: { height: 5, width: 6, channels: 2 },
    layers: [
      convolutionLayer('first', 'input', { adjust: 'input', outChannels: 4, groups: 2, bias: true }),
      { kind: 'batchNorm', name: 'norm', inputs: ['first'], epsilon: 1e-5, momentum: 0.1 },
      { kind: 'relu', name: 'relu', inputs: ['norm'] },
      convolutionLayer('second', 'relu', { adjust: 'output', outChannels: 4, groups: 1, bias: false }),
      { kind: 'add', name: 'add', inputs: ['second', 'relu'] },
      { kind: 'maxPool', name: 'max', inputs: ['add'], kernel: [2, 2], stride: [1, 2], padding: [0, 1] },
      { kind: 'meanPool', name: 'mean', inputs: ['max'], kernel: [2, 1], stride: [2, 1], padding: [0, 0] },
      { kind: 'dense', name: 'dense', inputs: ['mean'], outFeatures: 3, bias: true },
    ],
  };
  const shapes = new Map([
    ['first.weight', [4, 1, 3, 3]],
    ['first.bias', [4]],
    ['first.adjust', [2]],
    ['norm.weight', [4]],
    ['norm.bias', [4]],
    ['norm.running_mean', [4]],
    ['norm.running_var', [4]],
    ['second.weight', [4, 4, 3, 3]],
    ['second.adjust', [4]],
    ['dense.weight', [3, 2 * 4 * 4]],
    ['dense.bias', [3]],
  ]);
  const parameters = new Map(
    [...shapes].map(([name, shape], j) => [
      name,
      Float64Array.from(
        randomArray(
          shape.reduce((a, b) => a * b, 1),
          50 + j,
          name.endsWith('var') ? 0.5 : -1,
          1,
        ),
      ),
    ]),
  );
  const x = randomArray(3 * 60, 60);
  const labels = [2, 0, 1];

  it('have the gradients of central differences', () => {
    const pass = networkForward(network, parameters, x, { training: true });
    const { gradients, dInput } = networkBackward(pass, labels);
    const lossWith = (values: typeof parameters, input: ArrayLike<number>) =>
      networkBackward(networkForward(network, values, input, { training: true }), labels).loss;

    const learned = [...shapes.keys()].filter((name) => !name.includes('running'));
    expect([...gradients.keys()].sort()).toEqual(learned.sort());
    expectGradient((input) => lossWith(parameters, input), x, dInput, 'network input');
    for (const name of learned) {
      const lossAt = (value: Float64Array<ArrayBuffer>) => lossWith(new Map([...parameters, [name, value]]), x);
      expectGradient(lossAt, parameters.get(name)!, gradients.get(name)!, `network ${name}`);
    }
  });

  it('feed a dense layer in the order channels, height, width', () => {
    const { activations, logits } = networkForward(network, parameters, x, { training: false });
    const { data, shape } = activations.get('mean')!;
    expect(shape).toEqual([3, 2, 4, 4]);
    const flat = nhwcToNchw(data, shape as unknown as Shape4);
    const [weight, bias] = [parameters.get('dense.weight')!, parameters.get('dense.bias')!];
    const expected = logits.map((_, i) => {
      const [n, o] = [Math.floor(i / 3), i % 3];
      return bias[o]! + dot(weight.subarray(o * 32, (o + 1) * 32), flat.subarray(n * 32, (n + 1) * 32));
    });
    expectClose(logits, expected, 1e-12, 'dense over an image');
  });

  describe.each([
    ['resnet8', 8],
    ['ic_resnet8', 8],
    ['ic_resnet20', 20],
  ] as const)('golden %s', (name, depth) => {
    const golden = loadGolden(name);
    const batch = goldenBatch(golden, 10);
    const [, height, width, channels] = batch.shape;
    const resnet = cifarResNet({
      depth,
      ic: golden.metadata.ic as boolean,
      width: golden.metadata.width as number,
      classes: 10,
      input: { height, width, channels },
    });
    const state = golden.metadata.parameters as string[];
    const shapeOf = parameterShapes(resnet);
    const compared = new Set<string>();
    const compare = (tensor: string, actual: ArrayLike<number>) => {
      compared.add(tensor);
      const expected = golden.tensor(tensor).data;
      expectClose(actual, expected, roundedOnce(expected), `${name} ${tensor}`);
    };
    const start = (): Map<string, Float64Array> => {
      const values = goldenParameters(state, (parameter) => shapeOf.get(parameter)!);
      return new Map([...values].map(([parameter, value]) => [parameter, Float64Array.from(value)]));
    };

    it('names the same parameters', () => {
      expect([...shapeOf.keys()].sort()).toEqual(state.filter((one) => !one.endsWith('num_batches_tracked')).sort());
    });

    it('gives the logits of inference', () => {
      compare('eval.logits', networkForward(resnet, start(), batch.x, { training: false }).logits);
    });

    it('trains for three steps as expected', () => {
      const sgd = golden.metadata.sgd as { lr: number; momentum: number; weight_decay: number; nesterov: boolean };
      const options = { ...sgd, learningRate: sgd.lr, weightDecay: sgd.weight_decay };
      const values = start();
      const velocities = new Map([...values].map(([parameter, value]) => [parameter, new Float64Array(value.length)]));
      const losses: number[] = [];
      for (let step = 1; step <= 3; step++) {
        const pass = networkForward(resnet, values, batch.x, { training: true });
        const { loss, gradients } = networkBackward(pass, batch.labels);
        losses.push(loss);
        if (step === 1) {
          compare('train.logits', pass.logits);
          for (const [parameter, gradient] of gradients) compare(`grad.${parameter}`, gradient);
          for (const [parameter, value] of pass.running) compare(`after1.${parameter}`, value);
        }
        for (const [parameter, value] of pass.running) values.set(parameter, value);
        for (const [parameter, gradient] of gradients) {
          sgdStepReference(values.get(parameter)!, gradient, velocities.get(parameter)!, options);
        }
      }
      compare('losses', losses);
      expectClose(losses, golden.metadata.losses as number[], 1e-12, `${name} losses in float64`);
      for (const [parameter, value] of values) compare(`after3.${parameter}`, value);
      expect(golden.names.filter((tensor) => !compared.has(tensor) && tensor !== 'eval.logits')).toEqual([]);
    });
  });
});

function convolutionLayer(
  name: string,
  from: string,
  options: { adjust: Adjust; outChannels: number; groups: number; bias: boolean },
): Network['layers'][number] {
  return {
    kind: 'convolution',
    name,
    inputs: [from],
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    ...options,
  };
}

describe('layouts', () => {
  it('move every element to its place and back', () => {
    const data = Float32Array.from({ length: 120 }, (_, i) => i);
    // [2,3,4,5]: element (1,2,3,4) is number 119 everywhere, (0,2,1,0) is 2 * 20 + 5.
    expect(nchwToNhwc(data, [2, 3, 4, 5])[(1 * 5 + 0) * 3 + 2]).toBe(45);
    expect(oihwToHwio(data, [2, 3, 4, 5])[((1 * 5 + 0) * 3 + 2) * 2]).toBe(45);
    expect(nhwcToNchw(nchwToNhwc(data, [2, 3, 4, 5]), [2, 4, 5, 3])).toEqual(data);
    expect(hwioToOihw(oihwToHwio(data, [2, 3, 4, 5]), [4, 5, 3, 2])).toEqual(data);
  });
});

it('summationBound holds what a sum loses in float32', () => {
  const values = randomArray(1000, 71);
  const sum = values.reduce((total, value) => Math.fround(total + value), 0);
  const exact = values.reduce((total, value) => total + value, 0);
  const magnitude = values.reduce((total, value) => total + Math.abs(value), 0);
  expectClose([sum], [exact], summationBound(values.length, [magnitude]), 'sum in float32');
  expect(sum).not.toBe(exact);
  expect(summationBound(values.length, [magnitude])[0]).toBeCloseTo((1000 * magnitude) / 2 ** 24, 12);
});

describe('expectClose', () => {
  it('returns the worst share and lists it', () => {
    expect(expectClose([1, 2.5], [1, 2], [1, 2], 'a listed comparison')).toBe(0.25);
    expect(reportShares()).toContain('0.2500  a listed comparison');
  });

  it.each([
    ['an element above its bound', [1, 2.5], [1, 2], [1, 0.4], /1 of 2 .*\[1\]: 2 expected within 0\.4, got 2\.5/],
    ['NaN', [Number.NaN], [Number.NaN], 1, /\[0\]/],
    ['a bound that is NaN', [1], [1], [Number.NaN], /\[0\]/],
    ['infinity', [Infinity], [0], Infinity, /\[0\]/],
    ['a length that differs', [1], [1, 2], 1, /2 elements expected, got 1/],
    ['bounds that do not match', [1, 2], [1, 2], [1], /1 bounds for 2/],
  ] as const)('fails on %s', (_, actual, expected, bound, message) => {
    expect(() => expectClose(actual, expected, bound, 'comparison')).toThrow(message);
  });
});
