import type { ActivationFunction } from '../../src/graph/network.js';
import { activationReference, normalShare } from '../reference/activations.js';

/** How far the device may be from float64 at a place. */
export interface ActivationError {
  value(x: number): number;
  slope(x: number): number;
}

const place = 2 ** -23;
/** What is smaller may be flushed to zero. */
const flushed = 2 ** -126;

/** What WGSL allows exp(x), relative. */
const power = (x: number): number => (3 + 2 * Math.min(Math.abs(x), 128)) * place;

/** What WGSL allows the functions of kernels/shared: errors of exp(), of divisions (2.5 units), and of single roundings. */
export function activationError(name: ActivationFunction, slope?: number): ActivationError {
  const reference = activationReference(name, slope);
  const roundings = (count: number) => ({
    value: (x: number) => count * place * Math.abs(reference.value(x)) + flushed,
    slope: (x: number) => count * place * Math.abs(reference.slope(x)) + flushed,
  });
  switch (name) {
    case 'sigmoid':
      return sigmoid;
    case 'silu':
      return {
        value: (x) => Math.min(Math.abs(x), 128) * sigmoid.value(x) + roundings(1).value(x),
        slope: (x) => sigmoid.value(x) + Math.min(Math.abs(x), 128) * sigmoid.slope(x) + roundings(1).slope(x),
      };
    case 'tanh':
      return {
        value: (x) => 2 * sigmoid.slope(2 * x) + roundings(3).value(x),
        slope: (x) => 4 * sigmoid.slope(2 * x),
      };
    case 'gelu': {
      const share = (x: number): number => {
        const beyond = normalShare(-Math.abs(x));
        if (Math.abs(x) > 6) return beyond;
        const exponent = -Math.log(2 * beyond);
        const fit = Math.min(1 / (2 * beyond), 100) * 1.7e-8;
        return beyond * (fit + 2 * exponent * place + power(exponent)) + place * activationShare(x) + flushed;
      };
      const density = (x: number): number => {
        const [exponent, value] = [x ** 2 / 2, Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)];
        return value * (exponent * place + power(exponent) + 2 * place) + (x < -6 ? value : 0);
      };
      const bounded = (x: number): number => Math.min(Math.abs(x), 14);
      return {
        value: (x) => bounded(x) * share(x) + roundings(1).value(x),
        slope: (x) => share(x) + bounded(x) * density(bounded(x) * Math.sign(x)) + roundings(1).slope(x),
      };
    }
    case 'hardSigmoid':
      return { value: (x) => 2 * place * Math.min(Math.abs(x), 6) + place, slope: roundings(1).slope };
    case 'hardSwish':
      return { ...roundings(3), slope: (x) => 2 * place * Math.min(Math.abs(x) / 3 + 0.5, 2) };
    default:
      return roundings(1);
  }
}

const { value: share, slope: bell } = activationReference('sigmoid');
const sigmoid: ActivationError = {
  value: (x) => bell(x) * power(x) + 4 * place * share(x) + flushed,
  slope: (x) => bell(x) * (power(x) + 6 * place) + flushed,
};

function activationShare(x: number): number {
  return x < 0 ? normalShare(x) : 1;
}
