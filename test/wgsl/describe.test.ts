import { describe, expect, it } from 'vitest';
import { kernels, sharedTexts } from '../../src/kernels.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { kernelOf } from '../../src/ops/plan.js';
import type { Constant, Constants } from '../../src/wgsl/constants.js';
import { describeKernel } from '../../src/wgsl/describe.js';
import { minify } from '../../src/wgsl/minify.js';
import { assumedUnits } from '../support/assumedUnits.js';
import { catalogue, planFunctions } from '../support/catalogue.js';
import { kernelsReadme } from './kernelsReadme.js';

const all = Object.values(kernels);
const traits = { subgroup: 8, half: true, textures: true, matrix: assumedUnits };
const fourLanes = { subgroup: 4, software: true };
const [plans, plansOfFour] = [traits, fourLanes].map((each) =>
  catalogue(each, ['naive', 'subgroup', 'tiled', 'winograd']),
) as [Record<string, OperationPlan[]>, Record<string, OperationPlan[]>];
const steps = [...Object.values(plans), ...Object.values(plansOfFour)]
  .flat()
  .flatMap(({ steps, prepare = [] }: OperationPlan) => [...steps, ...prepare]);

it('kernels/README.md is what the kernels’ heads say; `npm run kernels:readme` makes it anew', async () => {
  await expect(kernelsReadme(all, sharedTexts)).toMatchFileSnapshot('../../kernels/README.md');
});

describe('the catalogue of operations', () => {
  it('has every plan function that is exported (test/support/catalogue.ts)', () => {
    expect(Object.keys(plans).sort()).toEqual([...planFunctions].sort());
  });

  it('uses every kernel', () => {
    const used = new Set(steps.map(({ kernel }) => kernel.name));
    expect(all.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe.each(all)('$name', ({ name, summary, source, constants, bindings, shared, grid, workgroupSize }) => {
  const own = steps.filter(({ kernel }) => kernel.name === name);

  it('says what it computes, and how many threads compute it', () => {
    expect(summary.length).toBeGreaterThan(20);
    expect(grid).toMatch(/\.$/);
    expect(workgroupSize).toMatch(/^[\w *]+$/);
    expect(source).toContain('fn main(');
  });

  it('is given the constants it describes, with their types', () => {
    for (const step of own) {
      const { constants: given } = kernelOf(step);
      const texts = [...(kernelOf(step).kernel.shared ?? []), step.kernel.text];
      const declared = new Set(declaredConstants(texts));
      const mentioned = new Set(takenText(texts, given).match(/\b\w+\b/g));
      const described = new Map(constants.map((constant) => [constant.name, constant.type]));
      for (const constant of described.keys()) {
        if (declared.has(constant) || !mentioned.has(constant)) continue;
        expect(Object.keys(given), `${constant} of ${name}`).toContain(constant);
      }
      for (const [constant, type] of described) {
        const value = given[constant];
        if (value !== undefined) expect(typeOf(value), `${constant} of ${name}`).toBe(type);
      }
    }
  });

  it('calls the shared texts that are given it, and one of every list', () => {
    const texts = Object.fromEntries(Object.entries(sharedTexts).map(([part, text]) => [minify(text), part]));
    for (const step of own) {
      const given = (kernelOf(step).kernel.shared ?? []).map((text) => texts[minify(text)]!);
      for (const list of shared)
        expect(
          given.filter((part) => list.includes(part)),
          `${list} of ${name}`,
        ).toHaveLength(1);
    }
  });

  it('has the bindings that operations fill', () => {
    const names = bindings.map((binding) => binding.name);
    for (const step of own) expect(names).toEqual(expect.arrayContaining(Object.keys(step.operands)));
    const numbers = bindings.map(({ binding }) => binding);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });
});

describe('a kernel whose head lacks something', () => {
  const good = [
    '// Copies.',
    '//',
    '// input, output  [COUNT]',
    '// Grid: one thread an element,',
    '// 64 a workgroup.',
    '// Limits: none.',
    '@group(0) @binding(0) var<storage, read_write> input: array<f32>;',
    '@group(0) @binding(1) var<storage, read_write> output: array<f32>;',
    '@compute @workgroup_size(64)',
    'fn main() { if (COUNT > 0u) { output[0] = input[0]; } }',
  ].join('\n');
  const describeText = (text: string, constants = '| `COUNT` | u32 | elements |') =>
    describeKernel('copy', { kernels: { copy: text }, shared: {}, constants });

  it('is described where nothing lacks', () => {
    expect(describeText(good)).toMatchObject({
      summary: 'Copies.',
      grid: 'one thread an element, 64 a workgroup.',
      limits: 'none.',
      constants: [{ name: 'COUNT', type: 'u32', meaning: 'elements' }],
      shared: [],
      features: [],
    });
  });

  it.each([
    ['a grid', good.replace('// Grid: ', '// '), undefined, 'a line "// Grid: ..."'],
    ['a binding', good.replace('input, output  ', 'input  '), undefined, 'a line "// output  [SHAPE] ..."'],
    ['a constant', good, '', 'a row for its constant COUNT in kernels/constants.md'],
    ['an entry point', good.replace('@compute @workgroup_size(64)', ''), undefined, 'an entry point'],
  ])('is refused without %s, by name', (_, text, constants, expected) => {
    expect(() => describeText(text, constants)).toThrow(`describeKernel: kernels/copy.wgsl: expected ${expected}`);
  });
});

function declaredConstants(texts: readonly string[]): string[] {
  return texts.flatMap((text) => [...text.matchAll(/\bconst (\w+)/g)].map((match) => match[1]!));
}

/** Without what stands in comments of constants that are not true. */
function takenText(texts: readonly string[], given: Constants): string {
  return texts
    .join('\n')
    .replace(/\/\* ?([A-Z_]+):.*?\*\//g, (text, name: string) => (given[name] === true ? text : ''));
}

function typeOf(value: Constant): string {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'u32';
  return 'i32' in value ? 'i32' : 'f32';
}
