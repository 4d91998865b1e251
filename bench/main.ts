import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type SuiteName, suiteNames } from '../src/compare/rows.js';
import type { RequestDeviceOptions } from '../src/device/device.js';
import { usefulFeatures } from '../src/device/device.js';
import { experimentalFeatures } from '../src/device/experimental.js';
import type { Precision } from '../src/ops/precision.js';
import { reportFailure } from '../src/terminal/failure.js';
import { interruptSignal } from '../src/terminal/interrupt.js';
import { choice, withShortErrors } from '../src/terminal/options.js';
import { createOutput, sayApart } from '../src/terminal/output.js';
import { requireWritable, writeResult } from '../src/terminal/writing.js';
import { occupancies, occupancyLines, occupancySuite } from './occupancy.js';
import { type PeerLibrary, peerLibraries } from './peers/libraries.js';
import { reportPage } from './report/page.js';
import { reportLines } from './report/table.js';
import { runBench } from './run.js';

interface Flags {
  readonly suite: readonly (SuiteName | typeof occupancySuite)[];
  readonly filter?: string;
  readonly seconds: number;
  readonly adapter: string;
  readonly without: NonNullable<RequestDeviceOptions['without']>;
  readonly experimental: NonNullable<RequestDeviceOptions['experimental']>;
  readonly tune: boolean;
  readonly precision: Precision;
  readonly peer: readonly PeerLibrary[] | false;
  readonly peerNaps: boolean;
  readonly json?: string;
  readonly html?: string;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

const program = new Command('bench')
  .description('How fast this package is beside other libraries, on the same adapter in the same process.')
  .addOption(
    choice('--suite <name...>', 'what to run; everything that is timed by default', [
      ...suiteNames,
      occupancySuite,
    ]).default(suiteNames),
  )
  .option('--filter <text>', 'only rows with this text in "SUITE NAME PASS"')
  .option('--seconds <number>', 'for the samples of a row', seconds, 1)
  .option('--adapter <name>', "auto, gpu, software, or a part of an adapter's name", 'auto')
  .addOption(
    choice('--without <feature...>', 'a device without these, as other systems have it', usefulFeatures).default([]),
  )
  .addOption(
    choice('--experimental <feature...>', 'a device with these features of drafts', experimentalFeatures).default([]),
  )
  .option('--tune', 'choose kernels by measuring', false)
  .option('--no-tune', 'choose kernels by rule')
  .addOption(
    choice('--precision <name>', "in which ours' tensors lie in memory", ['float32', 'float16']).default('float32'),
  )
  .addOption(
    choice('--peer <name...>', 'whom to compare with; bench/README.md says what each takes', peerLibraries).default([
      'tensorflow',
    ]),
  )
  .option('--no-peer', 'ours alone')
  .option('--peer-naps', "let peers on ours' device wait as it does, which their users' do not", false)
  .option('--json <file>', 'write every sample')
  .option('--html <file>', 'write a page with charts');
withShortErrors(program, 'npm run bench --');

async function main(flags: Flags): Promise<void> {
  const { suite, peer, ...options } = flags;
  const output = createOutput(false);
  const { json, html } = flags;
  if (json !== undefined) await requireWritable('bench', '--json', json);
  if (html !== undefined) await requireWritable('bench', '--html', html);
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeResult(path, text, output);
  };
  const suites = suite.filter((name) => name !== occupancySuite);
  if (suites.length < suite.length) {
    const rows = occupancies(flags.filter);
    for (const line of occupancyLines(rows)) output.say(line);
    // Behind it comes what is timed, in a file of its own kind.
    if (suites.length === 0 && json !== undefined) await write(json, `${JSON.stringify(rows, null, 1)}\n`);
    if (suites.length === 0) return;
  }
  const interrupt = interruptSignal(() => sayApart('Stopping behind this row; again to end at once.', output));
  const report = await runBench({ ...options, suites, peers: peer || [] }, output, interrupt.signal);
  interrupt.release();
  for (const line of reportLines(report)) output.say(line);
  if (json !== undefined) await write(json, `${JSON.stringify(report, null, 1)}\n`);
  if (html !== undefined) await write(html, reportPage(report));
  if (report.failures.length > 0) process.exitCode = 1;
}

try {
  await program.parseAsync();
  await main(program.opts<Flags>());
} catch (error) {
  reportFailure('bench', error);
}
