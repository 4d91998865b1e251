import { FormatError, LimitError } from '../errors.js';

/** A JSON value that holds no others. */
export type JsonScalar = null | boolean | number | string;

/** What the files read here nest is a handful; a bound keeps a hostile `[[[[...` from exhausting the stack. */
const deepest = 16;
/** Members of one object. */
const mostMembers = 100_000;
/** Of a text that becomes values as a whole, which takes many times the memory of the text. */
const mostValues = 1_000_000;

/**
 * JSON read from its start to its end: at every place, the caller says what to do with the value that comes next, and nothing is
 * kept that it does not keep itself. Each call takes one value; all throw FormatError for anything that RFC 8259 does not have
 * there, a name given twice in one object, which JSON.parse lets pass, and nesting deeper than 16 levels, with the character
 * that is at fault, and LimitError for an object of more than 100,000 members.
 */
export interface JsonReader {
  /** What kind of value comes next, which it does not take. */
  next(): 'object' | 'array' | 'scalar';
  /** Takes an object; `member` takes the value that belongs to `name`. */
  object(member: (name: string) => void): void;
  /** Takes an array; `item` takes one of its values. */
  array(item: () => void): void;
  scalar(): JsonScalar;
  /** Takes any value. */
  skip(): void;
  /** Makes sure that nothing follows. */
  end(): void;
}

/**
 * @param operation named in errors
 * @param where named in errors, with the character that is at fault
 */
export function jsonReader(text: string, operation: string, where: string): JsonReader {
  let position = 0;
  let depth = 0;

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

  function parse(end: number, expected: string): JsonScalar {
    const start = position;
    position = end;
    try {
      return JSON.parse(text.slice(start, end)) as JsonScalar;
    } catch {
      throw failure(start, expected, JSON.stringify(text.slice(start, end)));
    }
  }

  function string(): string {
    if (text[position] !== '"') throw unexpected('a string');
    let end = position + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
    return parse(end + 1, 'a string') as string;
  }

  function word(): JsonScalar {
    let end = position;
    while (end < text.length && !' \t\n\r,:[]{}"'.includes(text[end]!)) end++;
    if (end === position) throw unexpected('a value');
    return parse(end, 'a value');
  }

  /** What stands between two brackets, with commas between. */
  function list(open: string, close: string, entry: () => void): void {
    if (depth === deepest) throw unexpected(`at most ${deepest} levels`);
    if (!take(open)) throw unexpected(JSON.stringify(open));
    depth++;
    if (!take(close)) {
      do entry();
      while (take(','));
      if (!take(close)) throw unexpected(`"," or ${JSON.stringify(close)}`);
    }
    depth--;
  }

  function next(): 'object' | 'array' | 'scalar' {
    skipSpace();
    if (text[position] === '{') return 'object';
    return text[position] === '[' ? 'array' : 'scalar';
  }

  function object(member: (name: string) => void): void {
    const names = new Set<string>();
    list('{', '}', () => {
      const start = position;
      const name = string();
      if (names.has(name)) throw failure(start, 'every name once', `${JSON.stringify(name)} again`);
      if (names.size === mostMembers) throw beyond(operation, where, `${mostMembers} members of an object`);
      names.add(name);
      if (!take(':')) throw unexpected('":"');
      member(name);
    });
  }

  function array(item: () => void): void {
    list('[', ']', item);
  }

  function scalar(): JsonScalar {
    skipSpace();
    return text[position] === '"' ? string() : word();
  }

  function skip(): void {
    const kind = next();
    if (kind === 'object') object(skip);
    else if (kind === 'array') array(skip);
    else scalar();
  }

  function end(): void {
    skipSpace();
    if (position < text.length) throw unexpected('the end');
  }

  return { next, object, array, scalar, skip, end };
}

function beyond(operation: string, parameter: string, most: string): LimitError {
  return new LimitError({ operation, parameter, expected: `at most ${most}`, got: 'more' });
}

/**
 * What JSON.parse gives of a text that is not trusted.
 *
 * @param operation named in errors
 * @param where named in errors, with the character that is at fault
 * @throws FormatError for anything that is not JSON, a name given twice, or nesting deeper than 16 levels; LimitError for more than
 *   a million values or 100,000 members of an object
 */
export function parseJson(text: string, operation: string, where: string): unknown {
  const json = jsonReader(text, operation, where);
  let values = 0;

  function value(): unknown {
    if (values++ === mostValues) throw beyond(operation, where, `${mostValues} values`);
    const kind = json.next();
    if (kind === 'scalar') return json.scalar();
    if (kind === 'array') {
      const items: unknown[] = [];
      json.array(() => items.push(value()));
      return items;
    }
    const members: [string, unknown][] = [];
    json.object((name) => members.push([name, value()]));
    // Not by assignment, to which a name such as __proto__ is special.
    return Object.fromEntries(members);
  }

  const result = value();
  json.end();
  return result;
}
