/**
 * Lets work wait until its share of something there is only so much of is free: first come, first served. What wants more than
 * there is goes alone.
 *
 * @param total of whatever is shared
 * @returns runs `work` once `wanted` is free, and frees it when the work has ended
 */
export function allowance(total: number): <Result>(wanted: number, work: () => Promise<Result>) => Promise<Result> {
  let free = total;
  const waiting: { readonly share: number; readonly start: () => void }[] = [];

  function startNext(): void {
    while (waiting.length > 0 && waiting[0]!.share <= free) {
      const { share, start } = waiting.shift()!;
      free -= share;
      start();
    }
  }

  return async (wanted, work) => {
    const share = Math.min(wanted, total);
    await new Promise<void>((start) => {
      waiting.push({ share, start });
      startNext();
    });
    try {
      return await work();
    } finally {
      free += share;
      startNext();
    }
  };
}
