import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { reportFailure } from '../../src/terminal/failure.js';
import { choice, withShortErrors } from '../../src/terminal/options.js';
import { createOutput } from '../../src/terminal/output.js';
import { writeReports } from './report.js';
import { runStudy } from './run.js';
import { choosingSettings, presets, type StudySettings } from './settings.js';
import { allVariants, choosingVariants, mainVariants } from './variants.js';

interface Flags {
  readonly preset: keyof typeof presets;
  readonly data: readonly string[];
  readonly seeds: number;
  readonly set: readonly string[];
  readonly variants: readonly string[];
  readonly adapter: string;
  readonly output?: string;
  readonly firstSeed: number;
  readonly hours?: number;
  readonly merge: readonly string[];
  readonly choose: boolean;
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}

function amount(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

/** Settings that switch something off with 0. */
const mayBeZero = new Set(['crop', 'flip', 'weightDecay', 'adjustStart', 'adjustRate', 'teacherWeight']);

/** The preset's settings with those that were given by name. */
function settingsOf({ preset, set }: Flags): StudySettings {
  const changes = set.map((text) => {
    const [name, value] = text.split('=') as [string, string | undefined];
    const number = Number(value);
    if (Object.hasOwn(presets[preset], name) && number >= (mayBeZero.has(name) ? 0 : Number.MIN_VALUE))
      return [name, number];
    const names = Object.keys(presets[preset]).join(', ');
    throw new InvalidArgumentError(
      `Expected NAME=NUMBER with a number above 0, or 0 where that says something, and a name of ${names}; got ${text}.`,
    );
  });
  return { ...presets[preset], ...Object.fromEntries(changes) };
}

const program = new Command('study')
  .description(
    'The claims about IC networks and weak logit distillation, tested by training. Ctrl-C stops, the same command goes on.',
  )
  .addOption(choice('--preset <name>', 'the size', Object.keys(presets)).default('quick'))
  .option('--data <source...>', 'mnist, or folders of IDX files or CIFAR binaries', ['mnist'])
  .option(
    '--seeds <count>',
    'trainings of each network at most; from 8 on a comparison ends once it is decided',
    count,
    8,
  )
  .option('--first-seed <number>', 'where several processes or machines share the seeds', count, 1)
  .option('--hours <number>', 'begins no training after so many hours', amount)
  .option('--merge <folder...>', 'takes over what was recorded there of the same study', [])
  .option(
    '--choose',
    'tries starts and rates of adjust and what the teacher weighs, on training images that are held back; --set takes what came out',
    false,
  )
  .option('--set <setting...>', 'NAME=NUMBER in place of a setting of the preset, such as steps=500', [])
  .addOption(
    choice(
      '--variants <name...>',
      'which networks and trainings',
      allVariants.map(({ name }) => name),
    ).default(mainVariants.map(({ name }) => name)),
  )
  .option('--adapter <name>', "auto, gpu, software, or a part of an adapter's name", 'auto')
  .option('--output <folder>', 'for records, checkpoints and reports; runs/study-PRESET by default');
withShortErrors(program, 'npm run study --');

async function main(flags: Flags): Promise<void> {
  const { data, seeds, adapter, choose, merge, hours } = flags;
  const settings = choose ? choosingSettings(settingsOf(flags)) : settingsOf(flags);
  const folder = flags.output ?? join('runs', `study-${flags.preset}${choose ? '-choice' : ''}`);
  const variants = choose ? choosingVariants : allVariants.filter(({ name }) => flags.variants.includes(name));
  // Other trainings than those that the study itself looks at.
  const firstSeed = choose ? flags.firstSeed + 100 : flags.firstSeed;
  const command = ['npm run study --', ...process.argv.slice(2)].join(' ');
  const output = createOutput(false);
  const records = await runStudy(
    {
      settings,
      data,
      seeds,
      firstSeed,
      variants,
      adapter,
      folder,
      command,
      merge,
      ...(hours !== undefined && { hours }),
    },
    output,
  );
  for (const path of await writeReports(records, folder)) output.say(path);
}

try {
  await program.parseAsync();
  await main(program.opts<Flags>());
} catch (error) {
  reportFailure('study', error);
}
