import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { reportFailure } from '../../src/terminal/failure.js';
import { choice, withShortErrors } from '../../src/terminal/options.js';
import { createOutput } from '../../src/terminal/output.js';
import { writeReports } from './report.js';
import { runStudy } from './run.js';
import { presets, type StudySettings } from './settings.js';
import { allVariants, mainVariants } from './variants.js';

interface Flags {
  readonly preset: keyof typeof presets;
  readonly data: readonly string[];
  readonly seeds: number;
  readonly set: readonly string[];
  readonly variants: readonly string[];
  readonly adapter: string;
  readonly output?: string;
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}

/** The preset's settings with those that were given by name. */
function settingsOf({ preset, set }: Flags): StudySettings {
  const changes = set.map((text) => {
    const [name, value] = text.split('=') as [string, string | undefined];
    const number = Number(value);
    if (Object.hasOwn(presets[preset], name) && number > 0) return [name, number];
    const names = Object.keys(presets[preset]).join(', ');
    throw new InvalidArgumentError(`Expected NAME=NUMBER with a number above 0 and a name of ${names}; got ${text}.`);
  });
  return { ...presets[preset], ...Object.fromEntries(changes) };
}

const program = new Command('study')
  .description(
    'The claims about IC networks and weak logit distillation, tested by training. Ctrl-C stops, the same command goes on.',
  )
  .addOption(choice('--preset <name>', 'the size', Object.keys(presets)).default('quick'))
  .option('--data <source...>', 'mnist, or folders of IDX files or CIFAR binaries', ['mnist'])
  .option('--seeds <count>', 'trainings of each network', count, 3)
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
  const { data, seeds, adapter } = flags;
  const settings = settingsOf(flags);
  const folder = flags.output ?? join('runs', `study-${flags.preset}`);
  const variants = allVariants.filter(({ name }) => flags.variants.includes(name));
  const command = ['npm run study --', ...process.argv.slice(2)].join(' ');
  const output = createOutput(false);
  const records = await runStudy({ settings, data, seeds, variants, adapter, folder, command }, output);
  for (const path of await writeReports(records, folder)) output.say(path);
}

try {
  await program.parseAsync();
  await main(program.opts<Flags>());
} catch (error) {
  reportFailure('study', error);
}
