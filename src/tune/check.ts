import type { Family } from '../ops/forms.js';

/** Unit roundoff of float32. */
const epsilon = 2 ** -24;
/**
 * Of the error of a sum of n products of values in [-1, 1): its partial sums are off by about sqrt(n) / 3 each time, n times,
 * which makes epsilon n / 10 on average. The rest is for the largest of many elements.
 */
const sumFactor = 8;
/** Winograd's transforms multiply values by up to 8 and bring in those of the whole tile. */
const winogradFactor = 16;
/** Roundings of what follows the sum, in terms. */
const following = 16;
/** Variance of a product of two values uniform in [-1, 1). */
const productVariance = 1 / 9;

/**
 * The error allowed between forms of some families. How many products an element sums up shows in the results themselves: their mean square is that
 * many times the variance of a product, and whatever scales the sums scales it and the error alike.
 */
export function allowedError(reference: Float32Array, families: readonly Family[]): number {
  let squares = 0;
  let count = 0;
  for (const value of reference) {
    // Where a ReLU or a stride leaves nothing, nothing was summed.
    if (value === 0) continue;
    squares += value * value;
    count++;
  }
  const terms = squares / Math.max(count, 1) / productVariance;
  return epsilon * sumFactor * (families.includes('winograd') ? winogradFactor : 1) * (terms + following);
}

/** What is wrong with a form's outputs beside those of a reference, both of some family; undefined where nothing is. */
export function faultOf(
  outputs: ReadonlyMap<string, Float32Array>,
  references: ReadonlyMap<string, Float32Array>,
  families: readonly Family[],
): string | undefined {
  for (const [name, reference] of references) {
    const values = outputs.get(name);
    if (values?.length !== reference.length) {
      return `${name}: ${reference.length} values expected, ${values?.length ?? 'none'} found`;
    }
    const allowed = allowedError(reference, families);
    // Written so that NaN, which an output holds where nothing was stored, is at fault.
    const wrong = reference.findIndex((value, index) => !(Math.abs(values[index]! - value) <= allowed));
    if (wrong >= 0) {
      return `wrong: ${name}[${wrong}] is ${values[wrong]}, ${reference[wrong]} within ${allowed.toPrecision(2)} expected`;
    }
  }
  return undefined;
}
