import { FormatError } from '../errors.js';
import { type BindingKind, kernelBindings } from './bindings.js';

/** A buffer or texture of a kernel. */
export interface DescribedBinding {
  /** Always 0. */
  readonly group: 0;
  /** Its number in the group. */
  readonly binding: number;
  /** The variable's, in WGSL. */
  readonly name: string;
  /** What is bound; a storage texture instead where the variant of a shared text that is taken declares one. */
  readonly kind: BindingKind;
  /** As WGSL writes it, for example `array<f32>`. */
  readonly type: string;
  /** Shape, layout, and whether it is overwritten or added to. */
  readonly description: string;
}

/** A value that has to be put ahead of a kernel's text, as `const NAME = VALUE;` of its type. */
export interface DescribedConstant {
  /** In capitals. */
  readonly name: string;
  /** In WGSL. */
  readonly type: 'u32' | 'i32' | 'f32' | 'bool';
  /** What it says, with its unit. */
  readonly meaning: string;
}

/** A kernel as data: all that is needed to run it without this package's runtime. */
export interface KernelDescription {
  /** Of the file, without its ending. */
  readonly name: string;
  /** What it computes, in a sentence or two. */
  readonly summary: string;
  /** The file, whose head has the formula. The entry point is `main`. */
  readonly source: string;
  /**
   * Texts of `sharedTexts` that have to be put ahead of the source: one of each list. Where there are several, they are
   * variants, such as vectors of 1, 2 or 4 channels.
   */
  readonly shared: readonly (readonly string[])[];
  /** Its own, and those of its shared texts. */
  readonly bindings: readonly DescribedBinding[];
  /** Its own, and those of its shared texts. */
  readonly constants: readonly DescribedConstant[];
  /** Threads of a workgroup: a number, or an expression of constants. */
  readonly workgroupSize: string;
  /** What the workgroups are counted over. */
  readonly grid: string;
  /** What the constants have to satisfy, where there is anything. */
  readonly limits?: string;
  /** Features that the device needs; variants of shared texts may enable one more, such as float16. */
  readonly features: readonly string[];
}

/** The texts that descriptions are made of. */
export interface KernelTexts {
  /** By the kernel's name. */
  readonly kernels: Readonly<Record<string, string>>;
  /** By name. */
  readonly shared: Readonly<Record<string, string>>;
  /** A table of constants: | `NAME` | type | meaning |. */
  readonly constants: string;
}

/**
 * Describes a kernel by what its text declares and its head comment says.
 *
 * @throws FormatError that names the file and what its head, or the table of constants, lacks.
 */
export function describeKernel(name: string, texts: KernelTexts): KernelDescription {
  const source = texts.kernels[name]!;
  const shared = sharedLists(source, texts.shared);
  const all = [...shared.flat().map((part) => texts.shared[part]!), source];
  // What variants need is needed only where they are taken.
  const required = [source, ...shared.filter((list) => list.length === 1).map(([part]) => texts.shared[part!]!)];
  const head = headOf(source);
  const limits = section(head, 'Limits');
  return {
    name,
    summary: paragraphs(head)[0]!,
    source,
    shared,
    bindings: describeBindings(name, source, all),
    constants: describeConstants(name, all, constantTable(texts.constants)),
    workgroupSize:
      /@workgroup_size\(([^)]*)\)/.exec(source)?.[1] ?? lacking(name, 'an entry point with a workgroup size'),
    grid:
      section(head, 'Grid') ?? lacking(name, 'a line "// Grid: ..." that says what the workgroups are counted over'),
    ...(limits !== undefined && { limits }),
    features: [...new Set(required.flatMap(enabled))],
  };
}

/** Every kernel's description, by name. */
export function describeKernels(texts: KernelTexts): Record<string, KernelDescription> {
  const names = Object.keys(texts.kernels).sort();
  return Object.fromEntries(names.map((name) => [name, describeKernel(name, texts)]));
}

function lacking(name: string, expected: string): never {
  throw new FormatError({ operation: 'describeKernel', parameter: `kernels/${name}.wgsl`, expected, got: 'none' });
}

/** The comment that a file begins with. */
function headOf(text: string): string[] {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines.slice(0, end).map((line) => line.slice(2).replace(/^ /, ''));
}

function paragraphs(head: readonly string[]): string[] {
  return head
    .join('\n')
    .split(/\n\n+/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim());
}

/** What stands behind a title at the start of a line, up to the next title or paragraph. */
function section(head: readonly string[], title: string): string | undefined {
  const match = new RegExp(`\n${title}: ([^]*?)\n(?=[A-Z][a-z]+: |\n)`).exec(`\n${head.join('\n')}\n\n`);
  return match ? match[1]!.replace(/\s+/g, ' ').trim() : undefined;
}

function describeBindings(name: string, source: string, texts: readonly string[]): DescribedBinding[] {
  const declared = texts.flatMap((text) =>
    kernelBindings(text).map((binding) => ({
      group: 0 as const,
      ...binding,
      description: bindingText(binding.name, source) ?? bindingText(binding.name, text) ?? '',
    })),
  );
  for (const { name: binding, description } of declared) {
    if (description === '') lacking(name, `a line "// ${binding}  [SHAPE] ..." that says what the binding holds`);
  }
  // Variants of a shared text bind the same number: a buffer, which comes first, or a texture.
  const numbers = declared.map(({ binding }) => binding);
  return declared
    .filter(({ binding }, index) => numbers.indexOf(binding) === index)
    .sort((a, b) => a.binding - b.binding);
}

/** What a head says of a binding: the rest of the line that begins with its name, and the indented lines below. */
function bindingText(binding: string, text: string): string | undefined {
  const head = headOf(text);
  const start = head.findIndex((line) => {
    const names = /^([a-z][\w, ]*?) {2,}\S/.exec(line)?.[1];
    return names?.split(', ').includes(binding);
  });
  if (start < 0) return undefined;
  const more = head.slice(start + 1);
  const end = more.findIndex((line) => !line.startsWith('   '));
  const lines = [head[start]!.replace(/^.*? {2,}/, ''), ...more.slice(0, end < 0 ? undefined : end)];
  return lines.join(' ').replace(/\s+/g, ' ').trim();
}

function describeConstants(
  name: string,
  texts: readonly string[],
  known: ReadonlyMap<string, DescribedConstant>,
): DescribedConstant[] {
  const code = texts.map(withoutComments).join('\n');
  const declared = new Set([...code.matchAll(/\bconst (\w+)/g)].map((match) => match[1]!));
  const used = new Set(code.match(/\b[A-Z][A-Z0-9_]*\b/g));
  return [...used]
    .filter((constant) => !declared.has(constant))
    .sort()
    .map(
      (constant) => known.get(constant) ?? lacking(name, `a row for its constant ${constant} in kernels/constants.md`),
    );
}

function constantTable(text: string): Map<string, DescribedConstant> {
  const rows = [...text.matchAll(/^\| `(\w+)`\s*\| (u32|i32|f32|bool)\s*\| (.*?)\s*\|$/gm)];
  return new Map(rows.map(([, name, type, meaning]) => [name!, { name, type, meaning } as DescribedConstant]));
}

function enabled(text: string): string[] {
  const features: Record<string, string> = { f16: 'shader-f16' };
  return [...text.matchAll(/^enable (\w+);/gm)].map(([, name]) => features[name!] ?? name!);
}

/**
 * The shared texts that a text cannot do without: those that declare what it uses and does not declare, and what these use in
 * turn. The ones that declare the same thing are variants of each other.
 */
function sharedLists(source: string, shared: Readonly<Record<string, string>>): string[][] {
  const lists = new Map<string, string[]>();
  const visit = (text: string): void => {
    const own = new Set([...declarations(source), ...declarations(text)]);
    const words = new Set(withoutComments(text).match(/\b\w+\b/g));
    for (const part of Object.keys(shared).sort()) {
      const lent = [...declarations(shared[part]!)].filter((word) => words.has(word) && !own.has(word));
      if (lent.length === 0 || shared[part] === text || [...lists.values()].flat().includes(part)) continue;
      const variants = Object.keys(shared).filter((other) => declarations(shared[other]!).has(lent[0]!));
      lists.set(lent[0]!, variants.sort());
      for (const variant of variants) visit(shared[variant]!);
    }
  };
  visit(source);
  return [...lists.values()].sort();
}

function declarations(text: string): Set<string> {
  const found = withoutComments(text).matchAll(/^(?:const|alias|fn|struct) (\w+)|^@group.* var(?:<[^>]*>)? (\w+)/gm);
  return new Set([...found].map((match) => match[1] ?? match[2]!));
}

function withoutComments(text: string): string {
  return text.replace(/\/\/.*$/gm, '');
}
