import { Command, InvalidArgumentError, Option } from 'commander';
import { createOutput } from '../../src/terminal/output.js';
import { progressBar } from '../../src/terminal/progress.js';
import { type FuzzReport, fuzz } from './fuzz.js';
import { readers } from './readers.js';

interface Flags {
  readonly reader: readonly string[];
  readonly count: number;
  readonly seed: number;
  readonly first: number;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('Expected a whole number.');
}

/** Faults that are printed of a reader. */
const shownFaults = 10;

const program = new Command('fuzz')
  .description(
    'Gives the readers of files broken inputs: each is to be read, or refused by an error that says why, in time.',
  )
  .addOption(
    new Option('--reader <name...>', 'which of them')
      .choices(Object.keys(readers))
      .default(Object.keys(readers), 'all'),
  )
  .option('--count <inputs>', 'for each reader', wholeNumber, 1000)
  .option('--seed <number>', 'of the inputs', wholeNumber, 1)
  .option('--first <number>', 'of the first input, to try one again with --count 1', wholeNumber, 0)
  .showHelpAfterError();

async function main({ reader, ...options }: Flags): Promise<void> {
  const output = createOutput(false);
  for (const name of reader) {
    const bar = progressBar(name, options.count, output);
    const report = await fuzz(readers[name]!, { ...options, onProgress: (tried) => bar.update(tried) }).finally(() =>
      bar.stop(),
    );
    output.say(lineOf(name, report, options.seed));
    for (const { input, what } of report.wrong.slice(0, shownFaults)) output.say(`  input ${input}: ${what}`);
    if (report.wrong.length > 0) process.exitCode = 1;
  }
}

function lineOf(name: string, { tried, refused, accepted, wrong, slowest }: FuzzReport, seed: number): string {
  const time = `${slowest.milliseconds.toFixed(1)} ms (input ${slowest.input})`;
  return `${name}: tried ${tried}, refused ${refused}, accepted ${accepted}, wrong ${wrong.length}, slowest ${time}, seed ${seed}`;
}

await main(program.parse().opts<Flags>());
