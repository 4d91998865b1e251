import { InvalidArgumentError } from 'commander';
import { ICError } from '../errors.js';
import { fileError } from '../io/fileError.js';
import { printLine } from './terminal.js';

/** Says why a command ended: in one clear sentence what went wrong on purpose, with the whole trace what did not. */
export function reportFailure(command: string, error: unknown): void {
  const known = fileError(error, { operation: command });
  const isMeant = known instanceof ICError || known instanceof InvalidArgumentError;
  const lines = isMeant ? [known.message] : ((known as Error).stack ?? String(known)).split('\n');
  for (const [index, line] of lines.entries()) printLine('stderr', index === 0 ? `${command}: ${line}` : line);
  process.exitCode = 1;
}
