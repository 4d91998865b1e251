import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { createOutput, table } from '../../src/terminal/output.js';
import { printLine, terminalText } from '../../src/terminal/terminal.js';

afterEach(() => vi.restoreAllMocks());

/** What was written to a stream meanwhile. */
function written(stream: 'stdout' | 'stderr'): string[] {
  const lines: string[] = [];
  vi.spyOn(process[stream], 'write').mockImplementation((text) => {
    lines.push(`${text}`);
    return true;
  });
  return lines;
}

/** A title, colours, clearing the screen, C1's way to say so, back, delete, right to left, ends of lines. */
const hostile = 'a\u001b]0;owned\u0007\u001b[31m\u001b[2J\u009b2J\b\u007f\u202e\u2066\u200f\u061c\r\n\u2028\u0085b';

it('shows orders to a terminal and obeys none', () => {
  const shown = terminalText(hostile);
  expect(shown).toMatch(/^[\x20-\x7e]+$/);
  expect(shown).toContain('\\u001b]0;owned\\u0007\\u001b[31m\\u001b[2J\\u009b2J\\u0008\\u007f\\u202e');
  expect(terminalText('für 猫 🐈 ± é – “x”')).toBe('für 猫 🐈 ± é – “x”');
});

it('leaves JSON the JSON that it is', () => {
  const values = fc.jsonValue({ stringUnit: 'binary' });
  fc.assert(
    fc.property(values, fc.string({ unit: fc.constantFrom(...hostile, '\\', '"') }), (value, text) => {
      const given = JSON.stringify([value, text, { [text]: text }]);
      expect(terminalText(given)).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
      expect(JSON.parse(terminalText(given))).toEqual(JSON.parse(given));
    }),
  );
});

it('prints a line as one, whatever is in it', () => {
  const lines = written('stderr');
  printLine('stderr', hostile);
  createOutput(true).say(hostile);
  expect(lines.map((line) => line.indexOf('\n') === line.length - 1)).toEqual([true, true]);
  const json = written('stdout');
  createOutput(true).emit({ name: hostile });
  expect(json[0]).toMatch(/^[\x20-\x7e]+\n$/);
  expect(JSON.parse(json[0]!)).toEqual({ name: hostile });
});

it('lays tables out by what is shown', () => {
  const [head, row] = table([
    ['Layer', 'Kind'],
    ['\u001b[31mred', 'x'],
  ]);
  expect(head!.length).toBe(row!.length);
});

it('is the only place where the command line and the bench print', async () => {
  const root = resolve(import.meta.dirname, '../..');
  for (const folder of ['src/cli', 'src/terminal', 'bench']) {
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      if (!file.endsWith('.ts') || file === 'terminal.ts') continue;
      const text = await readFile(join(root, folder, file), 'utf8');
      expect(text, `${folder}/${file}`).not.toMatch(/console\.|\b(stdout|stderr)\.write\(|\bwriteErr|\bwriteOut/);
    }
  }
});
