import { FormatError } from '../errors.js';

/** A JSON value whose objects are maps: names keep their order, and none of them (`__proto__`, `0`) is special. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | ReadonlyMap<string, JsonValue>;

/** What the files read here nest is a handful; a bound keeps a hostile `[[[[...` from exhausting the stack. */
const deepest = 16;

/**
 * Parses JSON as RFC 8259 has it, but refuses a name that occurs twice in one object and keeps the order of names,
 * neither of which JSON.parse does.
 *
 * @param operation named in errors
 * @param where named in errors, with the character that is at fault
 * @throws FormatError for anything that is not JSON, a name given twice, or nesting deeper than 16 levels
 */
export function parseJson(text: string, operation: string, where: string): JsonValue {
  let position = 0;

  function failure(at: number, expected: string, got: string): FormatError {
    return new FormatError({ operation, parameter: `${where}, character ${at}`, expected, got });
  }

  function unexpected(expected: string): FormatError {
    return failure(position, expected, position < text.length ? JSON.stringify(text[position]) : 'the end');
  }

  function skipSpace(): void {
    while (position < text.length && ' \t\n\r'.includes(text[position]!)) position++;
  }

  /** Steps over `symbol` and the space around it, if it comes next. */
  function take(symbol: string): boolean {
    skipSpace();
    if (text[position] !== symbol) return false;
    position++;
    skipSpace();
    return true;
  }

  function scalar(start: number, end: number, expected: string): JsonValue {
    try {
      const value = JSON.parse(text.slice(start, end)) as JsonValue;
      position = end;
      return value;
    } catch {
      throw failure(start, expected, `${JSON.stringify(text.slice(start, Math.min(end, start + 40)))}`);
    }
  }

  function string(): string {
    if (text[position] !== '"') throw unexpected('a string');
    let end = position + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
    return scalar(position, end + 1, 'a string') as string;
  }

  function word(): JsonValue {
    let end = position;
    while (end < text.length && !' \t\n\r,:]}'.includes(text[end]!)) end++;
    if (end === position) throw unexpected('a value');
    return scalar(position, end, 'a value');
  }

  function array(depth: number): JsonValue {
    const items: JsonValue[] = [];
    if (take(']')) return items;
    do items.push(value(depth));
    while (take(','));
    if (!take(']')) throw unexpected('"," or "]"');
    return items;
  }

  function object(depth: number): JsonValue {
    const entries = new Map<string, JsonValue>();
    if (take('}')) return entries;
    do {
      const start = position;
      const name = string();
      if (entries.has(name)) throw failure(start, 'every name once', `${JSON.stringify(name.slice(0, 80))} again`);
      if (!take(':')) throw unexpected('":"');
      entries.set(name, value(depth));
    } while (take(','));
    if (!take('}')) throw unexpected('"," or "}"');
    return entries;
  }

  function value(depth: number): JsonValue {
    if (depth > deepest) throw unexpected(`at most ${deepest} levels`);
    if (take('{')) return object(depth + 1);
    if (take('[')) return array(depth + 1);
    return text[position] === '"' ? string() : word();
  }

  const result = value(1);
  skipSpace();
  if (position < text.length) throw unexpected('the end');
  return result;
}
