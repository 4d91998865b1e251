import { ShapeError } from '../errors.js';

/** A value put ahead of a kernel's text: plain numbers become u32, booleans bool; the others say their type. */
export type Constant =
  | number
  | boolean
  | {
      /** A signed integer. */
      readonly i32: number;
    }
  | {
      /** A float32. */
      readonly f32: number;
    };

/** Constants by name. */
export type Constants = Readonly<Record<string, Constant>>;

/** A constant's value without its type. */
export function plainValue(value: Constant): number | boolean {
  if (typeof value !== 'object') return value;
  return 'i32' in value ? value.i32 : value.f32;
}

/**
 * A kernel's constant as a number, false as 0 and true as 1.
 *
 * @throws ShapeError for one that is not a finite number of its type.
 */
export function checkedValue(kernel: string, name: string, value: Constant): number {
  const plain = Number(plainValue(value));
  const isFloat = typeof value === 'object' && 'f32' in value;
  const isUnsigned = typeof value === 'number';
  if (!Number.isFinite(plain) || (!isFloat && !Number.isInteger(plain)) || (isUnsigned && plain < 0)) {
    throw new ShapeError({
      operation: kernel,
      parameter: name,
      expected: isFloat ? 'a finite number' : isUnsigned ? 'a non-negative integer' : 'an integer',
      got: String(plain),
    });
  }
  return plain;
}

/** Operators from the loosest to the tightest; false is 0 and true 1. */
const levels: Readonly<Record<string, (left: number, right: number) => number>>[] = [
  { '|': (left, right) => left | right },
  { '&': (left, right) => left & right },
  {
    '==': (left, right) => +(left === right),
    '!=': (left, right) => +(left !== right),
    '<': (left, right) => +(left < right),
    '>': (left, right) => +(left > right),
  },
  { '+': (left, right) => left + right, '-': (left, right) => left - right },
  {
    '*': (left, right) => left * right,
    '/': (left, right) => Math.trunc(left / right),
    '%': (left, right) => left % right,
  },
];

/**
 * The value of a WGSL expression over known constants: integers with u and i suffixes, + - * / % == != < >, & and |, ! and
 * parentheses, where false counts as 0 and true as 1. Undefined where a name in it is not known or the text is no such
 * expression.
 */
export function evaluateConstant(expression: string, values: ReadonlyMap<string, number>): number | undefined {
  const tokens = expression.match(/\w+|[=!]=|[^\s\w]/g) ?? [];
  let position = 0;

  function primary(): number {
    const token = tokens[position++];
    if (token === '(') {
      const inner = operation(0);
      return tokens[position++] === ')' ? inner : Number.NaN;
    }
    if (token === '!') return 1 - primary();
    if (token === undefined) return Number.NaN;
    if (/^\d+[ui]?$/.test(token)) return Number.parseInt(token, 10);
    return values.get(token) ?? Number.NaN;
  }

  function operation(level: number): number {
    const operators = levels[level];
    if (!operators) return primary();
    let left = operation(level + 1);
    while (tokens[position]! in operators) {
      const apply = operators[tokens[position++]!]!;
      const right = operation(level + 1);
      left = Number.isNaN(left + right) ? Number.NaN : apply(left, right);
    }
    return left;
  }

  const value = operation(0);
  return position === tokens.length && Number.isFinite(value) ? value : undefined;
}
