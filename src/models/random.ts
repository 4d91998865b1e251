/** A stream of pseudo-random numbers. */
export interface RandomStream {
  /** Uniform in [0, 1), in steps of 2^-32. */
  uniform(): number;
  /** Normal with mean 0 and variance 1. */
  normal(): number;
}

/**
 * The stream of a seed and a name: the same numbers on every machine, and independent ones for another name. The
 * generator is sfc32, "small fast counting": three mixed words and a counter, so no stream has a cycle under 2^32.
 *
 * @param seed - a non-negative safe integer
 */
export function randomStream(seed: number, name: string): RandomStream {
  let a = hash(name);
  let b = seed >>> 0;
  let c = Math.floor(seed / 2 ** 32);
  let counter = 1;

  const next = (): number => {
    const word = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + word) >>> 0;
    return word;
  };
  // Seeds that differ in one bit have spread over all words after a dozen rounds.
  for (let round = 0; round < 12; round++) next();

  const uniform = (): number => next() / 2 ** 32;
  let spare: number | undefined;
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    // Box-Muller; 1 - uniform is never 0.
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  return { uniform, normal };
}

/** FNV-1a over the characters of a text. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0)!, 0x01000193);
  return value >>> 0;
}
