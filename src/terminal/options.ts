import { type Command, InvalidArgumentError, Option } from 'commander';
import { didYouMean, loosely } from '../names.js';
import { printLine } from './terminal.js';

/** An option of one of these values, whichever way its letters and hyphens are written. */
export function choice(flags: string, description: string, values: readonly string[]): Option {
  const option = new Option(flags, description).choices(values);
  const take = option.parseArg!;
  return option.argParser((given, previous) => {
    const known = values.find((value) => loosely(value) === loosely(given));
    if (known !== undefined) return take(known, previous);
    throw new InvalidArgumentError(`Expected one of ${values.join(', ')}${didYouMean(given, values)}`);
  });
}

/** Has a command say in one line what is wrong with its options, and where its help is. */
export function withShortErrors(command: Command, called: string): Command {
  return command.configureOutput({
    outputError(text) {
      const words = text
        .replace(/^error: /, '')
        .trim()
        .replace(/\s+/g, ' ');
      printLine(
        'stderr',
        `${called.replace(/ --$/, '')}: ${words}${words.endsWith('.') ? '' : '.'} See ${called} --help.`,
      );
    },
  });
}
