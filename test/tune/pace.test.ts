import { beforeEach, describe, expect, it } from 'vitest';
import { sharedPace } from '../../src/tune/pace.js';

/** A queue whose work ends when the test says so. */
let ends: (() => void)[];
let device: GPUDevice;
let controller: AbortController;
beforeEach(() => {
  ends = [];
  controller = new AbortController();
  const onSubmittedWorkDone = (): Promise<void> => new Promise((done) => ends.push(done));
  device = { lost: new Promise(() => {}), queue: { onSubmittedWorkDone } } as unknown as GPUDevice;
});

const turn = (milliseconds = 0): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));
const endAll = async (): Promise<void> => {
  await turn();
  for (const end of ends.splice(0)) end();
  await turn();
};
const lasting = (milliseconds: number, note: () => void) => async () => {
  note();
  await turn(milliseconds);
};

describe('sharedPace', () => {
  it('runs a piece when all that was submitted is done, and nobody came in meanwhile', async () => {
    const pace = sharedPace(device, 0.5, controller.signal);
    let pieces = 0;
    const piece = pace.run(async () => ++pieces);
    await turn();
    expect([pieces, ends.length]).toEqual([0, 1]);
    pace.noteUse();
    await endAll();
    expect([pieces, ends.length]).toEqual([0, 1]);
    await endAll();
    expect(await piece).toBe(1);
  });

  it('runs a piece again that others came into, three times at most', async () => {
    const pace = sharedPace(device, 1, controller.signal);
    let pieces = 0;
    const disturbed = (times: number) =>
      pace.run(async () => {
        if (++pieces <= times) pace.noteUse();
        return pieces;
      });
    const once = disturbed(1);
    for (let round = 0; round < 2; round++) await endAll();
    expect(await once).toBe(2);
    pieces = 0;
    const always = disturbed(9);
    for (let round = 0; round < 3; round++) await endAll();
    expect(await always).toBe(3);
  });

  it('takes its share of the time while others use the device, and all of it when they no longer do', async () => {
    const pace = sharedPace(device, 0.1, controller.signal);
    const begun: number[] = [];
    const piece = (): Promise<void> => pace.run(lasting(10, () => begun.push(performance.now())));
    const use = setInterval(pace.noteUse, 5);
    const endings = setInterval(() => {
      for (const end of ends.splice(0)) end();
    }, 1);
    try {
      pace.noteUse();
      const first = piece();
      // Longer than a piece takes at one go: it counts as disturbed, and is run again.
      await first;
      expect(begun[1]! - begun[0]!).toBeGreaterThan(80);
      clearInterval(use);
      await turn(150);
      const from = begun.length;
      await piece();
      await piece();
      expect(begun[from + 1]! - begun[from]!).toBeLessThan(80);
    } finally {
      clearInterval(use);
      clearInterval(endings);
    }
  });

  it('compiles one at a time without waiting for the device', async () => {
    const pace = sharedPace(device, 0.5, controller.signal);
    const order: string[] = [];
    const compile = (name: string) =>
      pace.compile(async () => {
        order.push(`${name} begins`);
        await turn(2);
        order.push(`${name} ends`);
        if (name === 'first') throw new Error('broken');
      });
    const [first, second] = await Promise.allSettled([compile('first'), compile('second')]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
    expect(order).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
    expect(ends).toEqual([]);
  });

  it('gives a turn to a piece that is due, whatever others do, and to no compilation', async () => {
    const pace = sharedPace(device, 0.5, controller.signal);
    await pace.giveTurn();
    const compiling = pace.compile(() => turn(20));
    await pace.giveTurn();
    let pieces = 0;
    pace.noteUse();
    const piece = pace.run(lasting(30, () => pieces++));
    await compiling;
    await turn(30);
    const given = pace.giveTurn();
    pace.noteUse();
    await endAll();
    expect(pieces).toBe(0);
    pace.noteUse();
    await endAll();
    await given;
    expect(pieces).toBe(1);
    await piece;
    const next = pace.run(lasting(0, () => pieces++));
    // Not due yet.
    await pace.giveTurn();
    expect(pieces).toBe(1);
    await turn(120);
    await endAll();
    await next;
  });

  it('ends with the signal, and lets whoever gave a turn go on', async () => {
    const pace = sharedPace(device, 0.5, controller.signal);
    const piece = pace.run(async () => 'never');
    const given = pace.giveTurn();
    controller.abort(new Error('enough'));
    await Promise.all([expect(piece).rejects.toThrow('enough'), endAll(), given]);
    await expect(pace.compile(async () => 'never')).rejects.toThrow('enough');
  });
});
