import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { type BufferUsage, bufferUsage } from '../../src/device/buffers.js';
import { openDevice } from '../../src/device/node.js';
import { reportFailure } from '../../src/terminal/failure.js';
import { choice, withShortErrors } from '../../src/terminal/options.js';
import { printLine } from '../../src/terminal/terminal.js';
import { stepsOfTurn, tasks } from './tasks.js';

/*
 * Does the same over and over again, each task in a process of its own, and looks whether memory stays: the GPU's to the
 * byte, the process's within a margin.
 */

/** What is alive between two turns. */
interface Reading {
  readonly turns: number;
  readonly gpu: BufferUsage;
  /** Bytes of the process: objects, arrays outside of the heap, and all that is resident. */
  readonly heap: number;
  readonly arrays: number;
  readonly resident: number;
}

interface Flags {
  readonly turns: number;
  readonly adapter: string;
  readonly task?: string;
}

const mebibyte = 2 ** 20;
/** What a process may grow by from a tenth of the turns on: the collector and the driver keep what they have had before. */
const margins = { heap: 4 * mebibyte, arrays: 4 * mebibyte, resident: 32 * mebibyte };
const readings = 10;

function turnCount(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= readings) return value;
  throw new InvalidArgumentError(`Expected a whole number from ${readings} on.`);
}

const program = new Command('soak')
  .description('Whether memory stays where it is while networks are trained, compiled and loaded.')
  .option('--turns <number>', `of each task; training takes ${stepsOfTurn} steps a turn`, turnCount, 300)
  .option('--adapter <name>', "auto, gpu, software, or a part of an adapter's name", 'auto')
  .addOption(choice('--task <name>', 'one alone, in this process, a line of JSON a reading', Object.keys(tasks)));
withShortErrors(program, 'npm run soak --');

async function read(device: GPUDevice, turns: number): Promise<Reading> {
  // What the collector finds lets go of the driver's objects, which are freed behind a submit.
  for (let round = 0; round < 3; round++) {
    globalThis.gc!();
    device.queue.submit([]);
    await device.queue.onSubmittedWorkDone();
  }
  const { heapUsed: heap, arrayBuffers: arrays, rss: resident } = process.memoryUsage();
  return { turns, gpu: bufferUsage(device), heap, arrays, resident };
}

async function soak(task: string, { turns, adapter }: Flags): Promise<void> {
  const { device, close } = await openDevice({ adapter, quiet: true });
  const { turn, end } = await tasks[task]!(device, turns);
  const between = Math.floor(turns / readings);
  for (let index = 1; index <= turns; index++) {
    await turn(index);
    if (index % between === 0) printLine('stdout', JSON.stringify(await read(device, index)));
  }
  await end();
  if (bufferUsage(device).count > 0) throw new Error(`${task}: ${bufferUsage(device).count} buffers are left`);
  close();
}

/** Runs a task in a process of its own. */
function soakApart(task: string, { turns, adapter }: Flags): Promise<Reading[]> {
  return new Promise((done, fail) => {
    const words = ['--turns', `${turns}`, '--adapter', adapter, '--task', task];
    const child = spawn(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    child.on('error', fail);
    child.on('close', (code, signal) => {
      if (code !== 0) fail(new Error(`${task}: ended with ${code ?? signal}`));
      else
        done(
          printed
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as Reading),
        );
    });
  });
}

/** What grew. */
function growth(found: readonly Reading[]): string[] {
  const [first, ...later] = found as [Reading, ...Reading[]];
  const gpu = later.filter(({ gpu: { count, bytes } }) => count !== first.gpu.count || bytes !== first.gpu.bytes);
  const process = (Object.keys(margins) as (keyof typeof margins)[]).filter((name) => {
    return found.at(-1)![name] - first[name] > margins[name];
  });
  return [...(gpu.length > 0 ? ['gpu'] : []), ...process];
}

function describe(task: string, found: readonly Reading[]): string[] {
  const amount = (bytes: number): string => `${(bytes / mebibyte).toFixed(1)} MiB`;
  const lines = found.map(({ turns, gpu, heap, arrays, resident }) => {
    const process = `heap ${amount(heap)}, arrays ${amount(arrays)}, resident ${amount(resident)}`;
    return `  ${turns} turns: ${gpu.count} buffers of ${gpu.bytes} bytes; ${process}`;
  });
  const grown = growth(found);
  return [`${task}: ${grown.length > 0 ? `NOT FLAT: ${grown.join(', ')}` : 'flat'}`, ...lines];
}

async function main(flags: Flags): Promise<void> {
  if (flags.task !== undefined) return soak(flags.task, flags);
  for (const task of Object.keys(tasks)) {
    const found = await soakApart(task, flags);
    for (const line of describe(task, found)) printLine('stdout', line);
    if (growth(found).length > 0) process.exitCode = 1;
  }
}

try {
  await program.parseAsync();
  await main(program.opts<Flags>());
} catch (error) {
  reportFailure('soak', error);
}
