import { type Constant, type Constants, checkedValue, evaluateConstant, plainValue } from './constants.js';
import type { KernelSource } from './kernelSource.js';
import { withVariables } from './variables.js';
import { writeOut } from './writeOut.js';

/** Text for where a constant is true. */
const optional = /\/\* ?([A-Z_]+): ?([^*]*?) ?\*\//g;

/**
 * The WGSL module of a kernel for one set of constants: directives first, then the constants, the shared text and the
 * kernel, with the loops marked `/* unroll *\/` written out and the branches that constants decide dropped. What cannot stand in
 * a branch stands in a comment: `/* PINNED: @subgroup_size(SUBGROUP) *\/` is part of the module where `PINNED` is true.
 *
 * @throws ShapeError for a constant that is not a finite number of its type.
 */
export function assemble(kernel: KernelSource, constants: Constants): string {
  const directives: string[] = [];
  const body = [...(kernel.shared ?? []), kernel.text]
    .join('\n')
    .replace(optional, (_, name: string, text: string) => (constants[name] === true ? text : ''))
    .replace(/^enable [^;]+;$/gm, (line) => {
      directives.push(line);
      return '';
    });
  const { variables = [] } = kernel;
  const fixed = Object.fromEntries(Object.entries(constants).filter(([name]) => !variables.includes(name)));
  const lines = Object.entries(fixed).map(([name, value]) => constantLine(kernel.name, name, value));
  const text = writeOut(body, constantValues(fixed, body));
  return [...directives, ...lines, withVariables(text, constants, variables)].join('\n');
}

/** A kernel with its constants in words, of variables the names alone: the pipeline's label. */
export function specialisation({ name: kernel, variables = [] }: KernelSource, constants: Constants): string {
  const values = Object.entries(constants).map(([name, value]) =>
    variables.includes(name) ? name : `${name}=${plainValue(value)}`,
  );
  return `${kernel}(${values.join(' ')})`;
}

function constantLine(kernel: string, name: string, value: Constant): string {
  const checked = checkedValue(kernel, name, value);
  if (typeof value === 'boolean') return `const ${name} = ${value};`;
  if (typeof value === 'number') return `const ${name} = ${checked}u;`;
  return `const ${name} = ${'f32' in value ? 'f32' : 'i32'}(${checked});`;
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
