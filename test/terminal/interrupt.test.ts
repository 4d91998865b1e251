import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'interrupt-'));
  const entryPoints = [resolve('src/terminal/interrupt.ts')];
  await build({ entryPoints, outfile: join(folder, 'interrupt.mjs'), bundle: true, platform: 'node', format: 'esm' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Sends signals to work that says what it does: each one behind the next word. The work ends in order when it is told 'end'. */
async function interrupted(...signals: NodeJS.Signals[]) {
  const module = `
    import { interruptSignal } from './interrupt.mjs';
    const { signal, release } = interruptSignal(() => process.stdout.write('stopping '));
    process.stdin.once('data', () => {
      process.stdout.write(signal.aborted ? 'saved' : 'done');
      release();
      process.stdin.destroy();
    });
    process.stdout.write('working ');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', module], { cwd: folder });
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  const ended = once(child, 'close');
  for (const signal of signals) {
    await once(child.stdout, 'data');
    child.kill(signal);
  }
  if (signals.length < 2) {
    await once(child.stdout, 'data');
    child.stdin.write('end');
  }
  const [code, signal] = await ended;
  return { code, signal, words };
}

it.each([
  { signals: [], code: 0, words: 'working done' },
  { signals: ['SIGINT'], code: 130, words: 'working stopping saved' },
  { signals: ['SIGTERM'], code: 143, words: 'working stopping saved' },
  { signals: ['SIGINT', 'SIGINT'], code: 130, words: 'working stopping ' },
  { signals: ['SIGINT', 'SIGTERM'], code: 143, words: 'working stopping ' },
] as const)('$signals ends with $code', async ({ signals, code, words }) => {
  expect(await interrupted(...signals)).toEqual({ code, signal: null, words });
});
