import { ShapeError } from '../errors.js';
import { type Constant, type Constants, evaluateConstant, plainValue } from './constants.js';
import { withVariables } from './variables.js';
import { writeOut } from './writeOut.js';

/** One hand-written kernel: its file name without ending, its text, and the shared texts it calls. */
export interface KernelSource {
  /** Of the file, without its ending. */
  readonly name: string;
  /** WGSL without the constants. */
  readonly text: string;
  /** Texts that stand ahead of it. */
  readonly shared?: readonly string[];
  /**
   * Those of the constants, integers, that a uniform buffer holds instead, so that one pipeline serves all their values.
   */
  readonly variables?: readonly string[];
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
  const { variables } = kernel;
  if (!variables) return [...directives, ...lines, writeOut(body, constantValues(constants, body))].join('\n');
  const fixed = Object.fromEntries(Object.entries(constants).filter(([name]) => !variables.includes(name)));
  const text = withVariables(writeOut(body, constantValues(fixed, body)), constants, variables);
  return [...directives, ...lines.filter((line) => line.split(' ')[1]! in fixed), text].join('\n');
}

/** A kernel with its constants in words, of variables the names alone: the pipeline's label. */
export function specialisation({ name: kernel, variables = [] }: KernelSource, constants: Constants): string {
  const values = Object.entries(constants).map(([name, value]) =>
    variables.includes(name) ? name : `${name}=${plainValue(value)}`,
  );
  return `${kernel}(${values.join(' ')})`;
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
