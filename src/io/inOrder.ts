/**
 * The results of `work` on each item, in order, with up to `ahead` items in work at once. `work` must not reject while
 * nobody waits for it: what can go wrong with an item belongs into its result.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  ahead: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = [];
  for (const item of items) {
    running.push(work(item));
    if (running.length >= ahead) yield running.shift()!;
  }
  for (const last of running) yield last;
}
