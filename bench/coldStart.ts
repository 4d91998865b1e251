import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkSame, magnitude, networkTolerance } from '../src/compare/check.js';
import type { Row } from '../src/compare/rows.js';
import { sumLengths } from '../src/compare/suites/model.js';
import { type Bench, rowOf, type Task } from '../src/compare/tasks.js';
import { coldNetwork } from './cold.js';

const pairs = 3;
const note = 'cold: from the start of a process to the first logits, kernels chosen by rule.';

/**
 * How long a user waits for the first result of IC-ResNet-50: processes of either side in turn.
 *
 * @param adapter - as the processes are to open it
 * @param peerNaps - whether the peer's waits with this package's naps
 */
export function coldTasks(adapter: string, peerNaps: boolean): Task[] {
  const head = { suite: 'cold', name: `${coldNetwork.name} b1`, pass: 'forward' } as const;
  return [{ ...head, covers: ({ inference, sharesDevice }) => sharesDevice && inference !== undefined, run }];

  async function run({ ours: { precision = 'float32' }, peer }: Bench): Promise<Row> {
    const samples = { ours: [] as number[], peer: [] as number[] };
    for (let pair = 0; pair < pairs; pair++) {
      const ours = await coldStart('coldOurs', [adapter, precision]);
      samples.ours.push(ours.milliseconds);
      if (!peer) continue;
      const theirs = await coldStart('coldPeer', [adapter, peerNaps ? 'naps' : 'awake', peer.library, peer.name]);
      checkSame(
        ours.logits,
        theirs.logits,
        networkTolerance(sumLengths(coldNetwork), precision) * magnitude(ours.logits),
      );
      samples.peer.push(theirs.milliseconds);
    }
    return rowOf(head, samples, { peer, family: 'network', note });
  }
}

interface ColdStart {
  readonly milliseconds: number;
  readonly logits: number[];
}

/** Starts a process and waits for its logits, then for its end. */
function coldStart(script: string, settings: readonly string[]): Promise<ColdStart> {
  return new Promise((done, fail) => {
    const start = performance.now();
    const child = spawn(process.execPath, [join(import.meta.dirname, `${script}.js`), ...settings]);
    let milliseconds = 0;
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (milliseconds === 0 && stdout.includes('\n')) milliseconds = performance.now() - start;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', fail);
    child.on('close', (code) => {
      if (code === 0) done({ milliseconds, logits: JSON.parse(stdout) as number[] });
      else fail(new Error(`${script} ended with ${code}: ${stderr.trim()}`));
    });
  });
}
