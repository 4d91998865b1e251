import { printLine, terminalText } from './terminal.js';

/** Where a command's words go: people read `say`, programs `emit`. */
export interface Output {
  readonly json: boolean;
  /** For people: stdout, or stderr with --json. */
  say(line: string): void;
  /** For programs: a JSON object on a line of stdout, with --json only. */
  emit(value: unknown): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    say: (line) => printLine(json ? 'stderr' : 'stdout', line),
    emit(value) {
      if (json) printLine('stdout', JSON.stringify(value));
    },
  };
}

/** Says a line below what a terminal shows of the keys that were pressed, `^C`. */
export function sayApart(line: string, output: Output): void {
  output.say('');
  output.say(line);
}

/** A number with its thousands apart. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A number with three digits that count, and its thousands apart. */
export function rounded(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

/** A share as per cent with two digits. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Lines of columns, the first flush left and the others flush right. */
export function table(given: readonly (readonly string[])[]): string[] {
  const rows = given.map((row) => row.map(terminalText));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}
