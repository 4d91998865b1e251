import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kernelBindings } from '../../src/wgsl/bindings.js';
import { storageTextureLayout } from '../../src/wgsl/pipeline.js';

const folder = new URL('../../kernels/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.wgsl'));
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8');

const shared = readdirSync(new URL('shared/', folder)).map((name) => textOf(`shared/${name}`));
/** What a kernel may take from a shared text ahead of its own bindings: its input and filters, or where it stores. */
const lent = shared.filter((text) => /^fn (input_at|filter_at|store)\(/m.test(text)).flatMap(kernelBindings);
const callOf: Readonly<Record<string, RegExp>> = {
  input: /\binput_at\(/,
  filters: /\bfilter_at\(/,
  destination: /\bstore\(/,
};
const calls = (text: string, binding: string) => callOf[binding]!.test(text);

describe('kernelBindings', () => {
  it('reads the access of storage textures', () => {
    const text = '@group(0) @binding(3) var filters: texture_storage_2d<rgba32float, read>;';
    const [binding] = kernelBindings(text);
    expect(binding).toMatchObject({ name: 'filters', kind: 'storageTexture' });
    expect(storageTextureLayout(binding!.type)).toEqual({ format: 'rgba32float', access: 'read-only' });
  });

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
  const borrowed = lent.filter(({ name: lentName }) => calls(text, lentName));

  it('numbers its bindings without a gap, and declares all of them in the form that is read', () => {
    const numbers = new Set([...bindings, ...borrowed].map(({ binding }) => binding));
    expect([...numbers].sort()).toEqual([...numbers].map((_, index) => index));
    expect(text.match(/@binding/g) ?? []).toHaveLength(bindings.length);
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
    for (const binding of [...bindings, ...borrowed])
      expect(comment).toMatch(new RegExp(`^//.*\\b${binding.name}\\b`, 'm'));
  });

  it('asks for the size of its subgroups where it uses any', () => {
    const pins = [
      '/* PINNED: enable subgroup_size_control; */\n',
      '@workgroup_size(SUBGROUP) /* PINNED: @subgroup_size(SUBGROUP) */',
    ];
    const uses = /\benable subgroups;|\b(subgroup|quad)[A-Z]\w+\(/.test(text);
    expect(pins.filter((pin) => text.includes(pin))).toEqual(uses ? pins : []);
  });

  it('marks its loops so that they are unrolled', () => {
    const marked = text.match(/\/\* unroll \*\//g) ?? [];
    const read = text.match(/\/\* unroll \*\/ for \(var (\w+) = [^;]+; \1 < [^;]+; \1(\+\+| \+= [^)]+)\) \{/g) ?? [];
    expect(read).toHaveLength(marked.length);
  });
});
