import { type Constants, checkedValue } from './constants.js';
import type { KernelSource } from './kernelSource.js';

/** The uniform buffer of a kernel's variables, behind all that kernels declare themselves. */
export const variablesBinding = '@group(0) @binding(15) var<uniform> variables: Variables;';

/**
 * A kernel's text that takes some of its constants from a uniform buffer. Each function reads those that it needs, and works
 * out what the module made of them, as a value that the text calls constant has to be one.
 *
 * @param text - without the constants that are variables
 */
export function withVariables(text: string, constants: Constants, variables: readonly string[]): string {
  if (variables.length === 0) return text;
  const values = variables.map((name) => [name, `variables.${name}`]);
  const rest = text.replace(/^const (\w+) = ([^;]+);$/gm, (line, name: string, value: string) => {
    if (!values.some(([known]) => mentions(value, known!))) return line;
    values.push([name, value]);
    return '';
  });
  const functions = rest.split(/^(?=@compute|fn )/m).map((part) => {
    if (!/^(@compute|fn )/.test(part)) return part;
    const start = part.indexOf('{') + 1;
    // From the last to the first, as values are made of those before them.
    const body = values.reduceRight(
      (lines, [name, value]) => (mentions(lines, name!) ? `let ${name} = ${value};${lines}` : lines),
      part.slice(start),
    );
    return part.slice(0, start) + body;
  });
  const fields = variables.map((name) => `${name}: ${typeof constants[name] === 'object' ? 'i32' : 'u32'}`);
  return [`struct Variables {${fields}}`, variablesBinding, functions.join('')].join('\n');
}

function mentions(text: string, name: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(text);
}

const buffers = new WeakMap<GPUDevice, Map<string, GPUBuffer>>();

/**
 * The values of a kernel's variables on a device, made once and kept, as pipelines are.
 *
 * @throws ShapeError for one that is not a whole number of its type.
 */
export function variablesBuffer(
  device: GPUDevice,
  { name: kernel, variables = [] }: KernelSource,
  constants: Constants,
): GPUBuffer {
  const values = Int32Array.from(variables, (name) => checkedValue(kernel, name, constants[name]!));
  const known = buffers.get(device) ?? new Map<string, GPUBuffer>();
  buffers.set(device, known);
  const key = values.join();
  const made = known.get(key);
  if (made) return made;
  // A uniform's size is a multiple of 16 bytes.
  const size = Math.ceil(values.length / 4) * 16;
  const buffer = device.createBuffer({ label: 'variables', size, usage: 0x40, mappedAtCreation: true });
  new Int32Array(buffer.getMappedRange()).set(values);
  buffer.unmap();
  known.set(key, buffer);
  return buffer;
}
