import { afterEach, expect, it, vi } from 'vitest';
import { call } from '../../src/demo/engine.js';

/** What the page knows of a worker. */
class FakeWorker extends EventTarget {
  static made: FakeWorker[] = [];
  readonly asked: { readonly id: number }[] = [];

  constructor() {
    super();
    FakeWorker.made.push(this);
  }

  postMessage(message: { readonly id: number }): void {
    this.asked.push(message);
  }

  answer(): void {
    this.dispatchEvent(new MessageEvent('message', { data: { id: this.asked.at(-1)!.id, reply: undefined } }));
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
});

it('The page makes another worker where the first could not be loaded, and keeps one that answered', async () => {
  vi.stubGlobal('Worker', FakeWorker);
  const failing = call('stopBench');
  FakeWorker.made[0]!.dispatchEvent(new Event('error'));
  await expect(failing).rejects.toThrow('could not be loaded');

  const second = call('stopBench');
  FakeWorker.made[1]!.answer();
  await second;
  FakeWorker.made[1]!.dispatchEvent(new Event('error'));
  const third = call('stopBench');
  FakeWorker.made[1]!.answer();
  await third;
  expect(FakeWorker.made).toHaveLength(2);
});
