import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kernelBindings } from '../../src/wgsl/bindings.js';

const folder = new URL('../../kernels/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.wgsl'));
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8');

describe('kernelBindings', () => {
  it('reads storage and uniform declarations in their order', () => {
    const text = `
      @group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>;
      @group(0) @binding(1) var<storage, read_write> output : array<f32>;
      @group(0) @binding(2) var<uniform> step_state: StepState;
      var<workgroup> partials: array<f32, 64>;`;
    expect(kernelBindings(text)).toEqual([
      { binding: 0, name: 'input', kind: 'storage', type: 'array<vec4<f32>>' },
      { binding: 1, name: 'output', kind: 'storage', type: 'array<f32>' },
      { binding: 2, name: 'step_state', kind: 'uniform', type: 'StepState' },
    ]);
  });
});

it('there are kernels', () => {
  expect(names.length).toBeGreaterThan(30);
});

describe.each(names)('%s', (name) => {
  const text = textOf(name);
  const bindings = kernelBindings(text);

  it('numbers its bindings without a gap, and declares all of them in the form that is read', () => {
    expect(bindings.map(({ binding }) => binding)).toEqual(bindings.map((_, index) => index));
    expect(text.match(/@binding/g)).toHaveLength(bindings.length);
    expect(new Set(bindings.map((binding) => binding.name)).size).toBe(bindings.length);
  });

  it('reads and writes all storage, since inputs and outputs may lie in one buffer', () => {
    expect(text).not.toMatch(/var<storage(, read)?>/);
  });

  it('stays within the storage buffers that every device has', () => {
    expect(bindings.filter(({ kind }) => kind === 'storage').length).toBeLessThanOrEqual(8);
  });

  it('has one entry point, and says what each of its buffers is', () => {
    expect(text.match(/@compute/g)).toHaveLength(1);
    expect(text).toMatch(/^fn main\(/m);
    const comment = text.slice(0, text.search(/^[^/\n]/m));
    for (const binding of bindings) expect(comment).toMatch(new RegExp(`^//.*\\b${binding.name}\\b`, 'm'));
  });

  it('marks its loops so that they are unrolled', () => {
    const marked = text.match(/\/\* unroll \*\//g) ?? [];
    const read = text.match(/\/\* unroll \*\/ for \(var (\w+) = [^;]+; \1 < [^;]+; \1(\+\+| \+= [^)]+)\) \{/g) ?? [];
    expect(read).toHaveLength(marked.length);
  });
});
