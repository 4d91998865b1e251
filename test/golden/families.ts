import { readFileSync } from 'node:fs';

/** A small network of a family as PyTorch computes it, in float64; see families.py. */
export interface FamilyRun {
  /** NCHW; the images are uniform(count, 99). */
  readonly input: readonly [number, number, number, number];
  /** Every entry of the state, in the order that makes the formula-made values. */
  readonly parameters: readonly string[];
  readonly logits: readonly number[];
  readonly trainLogits: readonly number[];
  readonly loss: number;
  /** Of parameter j the sum of gradient * uniform(count, 1000 + j). */
  readonly gradientSums: Readonly<Record<string, number>>;
}

interface FamiliesFile {
  readonly runs: Readonly<Record<string, FamilyRun>>;
  readonly states: Readonly<Record<string, readonly string[]>>;
}

const { runs, states } = JSON.parse(
  readFileSync(new URL('./families.json', import.meta.url), 'utf8'),
) as unknown as FamiliesFile;

/** Small networks of every family, plain and `ic-`. */
export const familyRuns = runs;

/** The state of torchvision's networks in its order: names and shapes. */
export const torchvisionStates: Readonly<Record<string, readonly (readonly [name: string, shape: readonly number[]])[]>> =
  Object.fromEntries(
    Object.entries(states).map(([network, entries]) => [
      network,
      entries.map((entry) => {
        const [name, sizes] = entry.split(' ');
        return [name!, sizes ? sizes.split('x').map(Number) : []] as const;
      }),
    ]),
  );
