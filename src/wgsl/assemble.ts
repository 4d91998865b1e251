import { ShapeError } from '../errors.js';
import { evaluateConstant } from './constants.js';
import { writeOut } from './writeOut.js';

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

/** One hand-written kernel: its file name without ending, its text, and the shared texts it calls. */
export interface KernelSource {
  /** Of the file, without its ending. */
  readonly name: string;
  /** WGSL without the constants. */
  readonly text: string;
  /** Texts that stand ahead of it. */
  readonly shared?: readonly string[];
}

/**
 * The WGSL module of a kernel for one set of constants: directives first, then the constants, the shared text and the
 * kernel, with the loops marked `/* unroll *\/` written out and the branches that constants decide dropped.
 *
 * @throws ShapeError for a constant that is not a finite number of its type.
 */
export function assemble(kernel: KernelSource, constants: Constants): string {
  const directives: string[] = [];
  const body = [...(kernel.shared ?? []), kernel.text].join('\n').replace(/^enable [^;]+;$/gm, (line) => {
    directives.push(line);
    return '';
  });
  const lines = Object.entries(constants).map(([name, value]) => constantLine(kernel.name, name, value));
  const values = constantValues(constants, body);
  return [...directives, ...lines, writeOut(body, values)].join('\n');
}

/** A kernel with its constants in words: the pipeline's label. */
export function specialisation(kernel: KernelSource, constants: Constants): string {
  const values = Object.entries(constants).map(([name, value]) => `${name}=${plainValue(value)}`);
  return `${kernel.name}(${values.join(' ')})`;
}

function plainValue(value: Constant): number | boolean {
  if (typeof value !== 'object') return value;
  return 'i32' in value ? value.i32 : value.f32;
}

function constantLine(kernel: string, name: string, value: Constant): string {
  if (typeof value === 'boolean') return `const ${name} = ${value};`;
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
  if (isFloat) return `const ${name} = f32(${plain});`;
  return `const ${name} = ${isUnsigned ? `${plain}u` : `i32(${plain})`};`;
}

/** Integer values of the injected constants and of those the kernel derives from them; false is 0 and true 1. */
function constantValues(constants: Constants, body: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const [name, value] of Object.entries(constants)) {
    values.set(name, Number(plainValue(value)));
  }
  for (const match of body.matchAll(/^const (\w+) = ([\w\s()+*/%=!<>&|-]+);$/gm)) {
    const value = evaluateConstant(match[2]!, values);
    if (value !== undefined) values.set(match[1]!, value);
  }
  return values;
}
