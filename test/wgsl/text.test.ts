import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import { assemble, specialisation } from '../../src/wgsl/assemble.js';
import { type Constants, evaluateConstant } from '../../src/wgsl/constants.js';
import type { KernelSource } from '../../src/wgsl/kernelSource.js';
import { writeOut } from '../../src/wgsl/writeOut.js';

describe('evaluateConstant', () => {
  const values = new Map([
    ['A', 7],
    ['B', 3],
    ['WIDE', 100],
  ]);

  it.each([
    ['42', 42],
    ['42u', 42],
    ['5i', 5],
    ['A', 7],
    ['A + B * 2u', 13],
    ['(A + B) * 2', 20],
    ['A - B - 1', 3],
    ['WIDE / A / 2', 7],
    ['A / B', 2],
    ['(B - A) / 3', -1],
    ['WIDE % A', 2],
    ['A*B', 21],
    ['((A))', 7],
    [' A  +\n1 ', 8],
    ['A == B', 0],
    ['A + 1 != B', 1],
    ['B<3', 0],
    ['(A > B) & (B == 3)', 1],
    ['!(A > B)', 0],
    ['(A < B) | (A == 7u)', 1],
  ])('%s is %i', (expression, value) => {
    expect(evaluateConstant(expression, values)).toBe(value);
  });

  it.each([
    '',
    'C',
    'A + C',
    'A +',
    '(A',
    'A)',
    'A B',
    '-A',
    'A / 0',
    'A % 0',
    '1.5',
    'f(A)',
    'A << 1',
    'A == C',
    '(A < B) & C',
    'A ==',
    '1f',
  ])('%s is no known constant', (expression) => {
    expect(evaluateConstant(expression, values)).toBeUndefined();
  });

  it('agrees with integer arithmetic', () => {
    interface Expression {
      readonly text: string;
      readonly value: number;
    }
    const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.integer({ min: 0, max: 50 }).map((value) => ({ text: `${value}u`, value })),
        fc.tuple(tie('expression'), fc.constantFrom('+', '-', '*'), tie('expression')).map(([a, operator, b]) => ({
          text: `(${a.text} ${operator} ${b.text})`,
          value: operator === '+' ? a.value + b.value : operator === '-' ? a.value - b.value : a.value * b.value,
        })),
      ),
    }));
    fc.assert(
      fc.property(expression, ({ text, value }) => {
        expect(evaluateConstant(text, new Map())).toBe(value);
      }),
    );
  });
});

describe('writeOut', () => {
  const values = new Map([
    ['N', 3],
    ['M', 2],
  ]);
  const squeeze = (text: string) => text.replace(/\s+/g, ' ');

  it('leaves other loops and text alone', () => {
    const text = 'for (var i = 0u; i < N; i++) { a[i] = 1; }\n/* unroll */ while (x) {}';
    expect(writeOut(text, values)).toBe(text);
  });

  it('writes every turn out as a block with a constant counter', () => {
    const text = 'before; /* unroll */ for (var i = 0u; i < N; i++) { a[i] = i; } after;';
    expect(squeeze(writeOut(text, values))).toBe(
      'before; { const i = 0u; a[i] = i; } { const i = 1u; a[i] = i; } { const i = 2u; a[i] = i; } after;',
    );
  });

  it('takes first value, limit and step from constants', () => {
    const text = '/* unroll */ for (var i = M; i < N * M + 1u; i += M) {x}';
    expect(squeeze(writeOut(text, values))).toBe('{ const i = 2u;x} { const i = 4u;x} { const i = 6u;x}');
  });

  it('writes out a loop of one turn where only that is asked for', () => {
    const text = (limit: string) =>
      `/* unroll once */ for (var i = 0u; i < ${limit}; i += M) { /* unroll */ for (var j = 0u; j < 1u; j++) { f(i, j); } } after`;
    expect(squeeze(writeOut(text('M'), values))).toBe('{ const i = 0u; { const j = 0u; f(i, j); } } after');
    expect(squeeze(writeOut(text('N'), values))).toBe(
      'for (var i = 0u; i < N; i += M) { { const j = 0u; f(i, j); } } after',
    );
  });

  it.each([
    ['if (N == 3u) { a; } after', '{ a; } after'],
    ['if(N==2u){a;}after', 'after'],
    ['if (N == 3u) { a; } else { b; } after', '{ a; } after'],
    ['if (N != 3u) { a; } else { b; } after', ' { b; } after'],
    ['if (N == 1u) { a; } else if (N == 2u) { b; } else { c; } after', ' { c; } after'],
    ['if (N == 3u) { a; } else if (x) { b; } else { c; } after', '{ a; } after'],
    ['if (N == 1u) { a; } else if (x) { b; } else { c; } after', ' if (x) { b; } else { c; } after'],
    ['if (x) { a; } else if (N == 3u) { b; } else { c; } after', 'if (x) { a; } else { b; } after'],
    ['if (x) { if (M == 2u) { a; } } after', 'if (x) { { a; } } after'],
    ['if (N == 3u) { if (M == 3u) { a; } b; } after', '{ b; } after'],
  ])('takes the branch that constants decide: %s', (text, expected) => {
    expect(squeeze(writeOut(text, values))).toBe(expected);
  });

  it('decides branches by the counter of a loop that is written out', () => {
    const text = '/* unroll */ for (var i = 0u; i < M; i++) { if (i == 0u) { a; } else { b; } }';
    expect(squeeze(writeOut(text, values))).toBe('{ const i = 0u; { a; } } { const i = 1u; { b; } }');
  });

  it('writes nothing for a loop without turns', () => {
    expect(writeOut('a/* unroll */ for (var i = 0u; i < N - 3u; i++) {x}b', values)).toBe('ab');
  });

  it('unrolls loops in loops, with bounds of the outer counter, and loops behind loops', () => {
    const text = `/* unroll */ for (var i = 0u; i < M; i++) {
      /* unroll */ for (var j = 0u; j <= i; j++) { never }
      /* unroll */ for (var j = 0u; j < i + 1u; j++) { if (c) { f(i, j); } }
    }
    /* unroll */ for (var k = 0u; k < 1u; k++) { g(k); }`;
    const result = squeeze(writeOut(text, values));
    expect(result.match(/f\(i, j\)/g)).toHaveLength(3);
    expect(result.match(/const j = \d+u/g)).toEqual(['const j = 0u', 'const j = 0u', 'const j = 1u']);
    expect(result).toContain('{ const k = 0u; g(k); }');
    // What does not match the marker's form stays a loop.
    expect(result.match(/for \(/g)).toHaveLength(2);
    expect(result.split('{').length).toBe(result.split('}').length);
  });

  it.each([
    ['a limit', 'var i = 0u; i < UNKNOWN; i++', 'UNKNOWN'],
    ['a first value', 'var i = first; i < N; i++', 'first'],
    ['a step', 'var i = 0u; i < N; i += step', 'step'],
  ])('refuses %s that is no constant', (_, head, got) => {
    const run = () => writeOut(`/* unroll */ for (${head}) { }`, values);
    expect(run).toThrow(UnsupportedError);
    expect(run).toThrow(`unroll: loop bound: expected a constant, got ${got}`);
  });

  it('refuses a body that does not end', () => {
    const run = () => writeOut('/* unroll */ for (var i = 0u; i < N; i++) { {}', values);
    expect(run).toThrow('unroll: loop body: expected a closing brace, got the end of the text');
  });
});

describe('assemble', () => {
  const kernel: KernelSource = {
    name: 'kernel',
    text: [
      '// enable nothing: a comment',
      'enable subgroups;',
      'const TWICE = COUNT * 2u;',
      '/* unroll */ for (var i = 0u; i < TWICE + EXTRA; i++) { x }',
    ].join('\n'),
    shared: ['enable f16;\nconst EXTRA = 1u;'],
  };

  it('puts directives first, then the constants, then the shared text and the kernel', () => {
    const text = assemble(kernel, { COUNT: 1 });
    const places = ['enable f16;', 'enable subgroups;', 'const COUNT', 'const EXTRA', '// enable', 'const TWICE'];
    const at = places.map((part) => text.indexOf(part));
    expect(at.every((position) => position >= 0)).toBe(true);
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(text.match(/^enable/gm)).toHaveLength(2);
  });

  it('knows the constants that the text derives from those given', () => {
    expect(assemble(kernel, { COUNT: 3 }).match(/const i = /g)).toHaveLength(7);
  });

  it('takes what a comment holds where its constant is true', () => {
    const pinned: KernelSource = {
      name: 'pinned',
      text: '/* PINNED: enable control; */\n@compute /* PINNED: @size(4) */ fn main() { /* other */ }',
    };
    expect(assemble(pinned, { PINNED: true }).split('\n')).toEqual([
      'enable control;',
      'const PINNED = true;',
      '',
      '@compute @size(4) fn main() { /* other */ }',
    ]);
    for (const constants of [{ PINNED: false }, { PINNED: 1 }, {}]) {
      expect(assemble(pinned, constants)).not.toMatch(/enable|size/);
    }
  });

  it('gives every constant its type', () => {
    const constants: Constants = {
      A: 3,
      B: true,
      C: false,
      D: { i32: -2 },
      E: { f32: 0.25 },
      F: { f32: 1 },
      G: { f32: 1e-8 },
    };
    const text = assemble({ name: 'kernel', text: '' }, constants);
    expect(text.trimEnd().split('\n')).toEqual([
      'const A = 3u;',
      'const B = true;',
      'const C = false;',
      'const D = i32(-2);',
      'const E = f32(0.25);',
      'const F = f32(1);',
      'const G = f32(1e-8);',
    ]);
  });

  it.each([
    [Number.NaN, 'a non-negative integer', 'NaN'],
    [-1, 'a non-negative integer', '-1'],
    [1.5, 'a non-negative integer', '1.5'],
    [Infinity, 'a non-negative integer', 'Infinity'],
    [{ i32: 0.5 }, 'an integer', '0.5'],
    [{ i32: Number.NaN }, 'an integer', 'NaN'],
    [{ f32: Number.NaN }, 'a finite number', 'NaN'],
    [{ f32: -Infinity }, 'a finite number', '-Infinity'],
  ])('refuses %o', (value, expected, got) => {
    const run = () => assemble(kernel, { COUNT: 1, WRONG: value });
    expect(run).toThrow(ShapeError);
    expect(run).toThrow(`kernel: WRONG: expected ${expected}, got ${got}`);
  });

  it('is named by its constants', () => {
    expect(specialisation(kernel, { A: 3, B: true, C: { i32: -2 }, D: { f32: 0.5 } })).toBe(
      'kernel(A=3 B=true C=-2 D=0.5)',
    );
  });

  const variable: KernelSource = {
    name: 'kernel',
    text: [
      'const ROWS = HEIGHT / BLOCK;',
      'const WIDE = BLOCK * 2u;',
      '@compute @workgroup_size(BLOCK)',
      'fn main() { /* unroll once */ for (var i = 0u; i < ROWS; i++) { x(i); } }',
      'fn shift() -> i32 { return TOP; }',
      'fn other() { if (BLOCK == 4u) { a(WIDE); } }',
    ].join('\n'),
    variables: ['HEIGHT', 'TOP'],
  };

  it('reads variables from a uniform buffer, in the functions that need them', () => {
    expect(assemble(variable, { HEIGHT: 12, TOP: { i32: -1 }, BLOCK: 4 }).split('\n')).toEqual([
      'const BLOCK = 4u;',
      'struct Variables {HEIGHT: u32,TOP: i32}',
      '@group(0) @binding(15) var<uniform> variables: Variables;',
      '',
      'const WIDE = BLOCK * 2u;',
      '@compute @workgroup_size(BLOCK)',
      'fn main() {let HEIGHT = variables.HEIGHT;let ROWS = HEIGHT / BLOCK; for (var i = 0u; i < ROWS; i++) { x(i); } }',
      'fn shift() -> i32 {let TOP = variables.TOP; return TOP; }',
      'fn other() { { a(WIDE); } }',
    ]);
  });

  it('is named by its variables without their values', () => {
    expect(specialisation(variable, { HEIGHT: 12, TOP: { i32: -1 }, BLOCK: 4 })).toBe('kernel(HEIGHT TOP BLOCK=4)');
  });
});
