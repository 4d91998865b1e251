/** Every so many pictures of a class one is held out. */
const every = 4;

/**
 * Which pictures are learnt from and which are held out to test with: every fourth of a class, one at least where there are two.
 *
 * @param labels - of the pictures, in their order
 */
export function splitLesson(labels: readonly number[]): { readonly train: number[]; readonly test: number[] } {
  const train: number[] = [];
  const test: number[] = [];
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const seen = new Map<number, number>();
  for (const [index, label] of labels.entries()) {
    const own = (seen.get(label) ?? 0) + 1;
    seen.set(label, own);
    const last = Math.min(every, counts.get(label)!);
    const heldOut = counts.get(label)! > 1 && own % every === last % every;
    (heldOut ? test : train).push(index);
  }
  return { train, test };
}
