import type { ActivationFunction } from '../../src/graph/network.js';

/** A function of every element. */
export interface ActivationReference {
  value(x: number): number;
  /** Its derivative. */
  slope(x: number): number;
  /** How far x is from the nearest place where the derivative jumps; only of functions that have one. */
  distance?(x: number): number;
}

/** A function by its name, in float64; `slope` of those that have one. */
export function activationReference(name: ActivationFunction, slope?: number): ActivationReference {
  switch (name) {
    case 'sigmoid':
      return { value: logistic, slope: logisticSlope };
    case 'silu':
      return {
        value: (x) => (x === -Infinity ? 0 : x * logistic(x)),
        slope: (x) => logistic(x) + (Number.isFinite(x) ? x * logisticSlope(x) : 0),
      };
    case 'tanh':
      return { value: Math.tanh, slope: (x) => 4 * logisticSlope(2 * x) };
    case 'gelu':
      return {
        value: (x) => (x === -Infinity ? 0 : x * normalShare(x)),
        slope: (x) => normalShare(x) + (Number.isFinite(x) ? x * normalDensity(x) : 0),
      };
    case 'hardSigmoid': {
      const factor = Math.fround(slope ?? 1 / 6);
      const line = (x: number) => factor * x + 0.5;
      return {
        value: (x) => Math.min(Math.max(line(x), 0), 1),
        slope: (x) => (line(x) > 0 && line(x) < 1 ? factor : 0),
        distance: (x) => Math.min(Math.abs(line(x)), Math.abs(line(x) - 1)) / Math.abs(factor),
      };
    }
    case 'hardSwish':
      return {
        value: (x) => (x <= -3 ? 0 : (x * Math.min(x + 3, 6)) / 6),
        slope: (x) => (x < -3 ? 0 : x > 3 ? 1 : x / 3 + 0.5),
        distance: (x) => Math.min(Math.abs(x + 3), Math.abs(x - 3)),
      };
    case 'leakyRelu': {
      const factor = Math.fround(slope ?? 0.01);
      return {
        value: (x) => (x < 0 ? factor * x : x),
        slope: (x) => (x > 0 ? 1 : factor),
        distance: Math.abs,
      };
    }
  }
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** From the power of the negative number, which keeps all digits where the function is near 1. */
function logisticSlope(x: number): number {
  const power = Math.exp(-Math.abs(x));
  return power / (1 + power) ** 2;
}

/** The share of a normal distribution below x: (1 + erf(x / sqrt(2))) / 2, with all digits where that is small. */
export function normalShare(x: number): number {
  const beyond = complement(Math.abs(x) * Math.SQRT1_2) / 2;
  return x < 0 ? beyond : 1 - beyond;
}

function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

/** 1 - erf(t) of t from 0 up: by a series whose terms are all positive, or for larger t by a continued fraction. */
function complement(t: number): number {
  if (!Number.isFinite(t)) return Number.isNaN(t) ? t : 0;
  const factor = Math.exp(-t * t) / Math.sqrt(Math.PI);
  if (t > 2) {
    let fraction = t;
    for (let n = 200; n > 0; n--) fraction = t + n / 2 / fraction;
    return factor / fraction;
  }
  let term = t;
  let sum = 0;
  for (let n = 1; n < 100; n++) {
    sum += term;
    term *= (2 * t * t) / (2 * n + 1);
  }
  return 1 - 2 * factor * sum;
}

/** PReLU of [rows, channels]: values below 0 times their channel's slope. */
export function preluReference(x: ArrayLike<number>, slopes: ArrayLike<number>): Float64Array {
  return Float64Array.from(x, (value, i) => (value < 0 ? slopes[i % slopes.length]! * value : value));
}

/** Its gradients. */
export function preluBackwardReference(
  x: ArrayLike<number>,
  slopes: ArrayLike<number>,
  dy: ArrayLike<number>,
  passes: (i: number) => boolean = (i) => x[i]! > 0,
): { dx: Float64Array; dSlopes: Float64Array } {
  const dSlopes = new Float64Array(slopes.length);
  const dx = Float64Array.from(dy, (value, i) => {
    if (passes(i)) return value;
    dSlopes[i % slopes.length]! += value * x[i]!;
    return value * slopes[i % slopes.length]!;
  });
  return { dx, dSlopes };
}
