import type { KernelDescription } from '../../src/kernels.js';

const introduction = `# Kernels

One WGSL compute kernel a file, entry point \`main\`. The head comment of each file gives its formula, every binding with shape
and layout, the grid, whether it overwrites or accumulates, and its limits. Activations are NHWC, filters
[height, width, inChannels / groups, outChannels], everything float32.

A kernel is specialised by constants that are put ahead of its text: shapes, tile sizes, flags
([constants.md](constants.md) says what each means). Two more come with every kernel: \`WORKGROUPS\`, how many workgroups there
are, and \`GRID_WIDTH\`, since they are counted along one line and dispatched in rows. Loops marked \`/* unroll */\` are written
out beforehand, those marked \`/* unroll once */\` where they have one turn, and branches on constants are decided; what a comment
such as \`/* PINNED: ... */\` holds is part of the text where the constant, here \`PINNED\`, is true. Kernels that make constants of a
loop's counter need that; the others are valid without it, but not every driver unrolls a loop with constant bounds, and where it
stays rolled an array indexed by its counter lies in memory instead of registers.

Every storage buffer is \`read_write\`, inputs too: WebGPU forbids one dispatch to use a buffer both as read-only and as writable
storage, and inputs and outputs of a dispatch often lie in one arena.

## Using a kernel without this package's runtime

A module is, in this order: the \`enable\` lines of all its parts; its constants; one of each list of its shared texts, which lie
in \`shared/\`; the kernel. Bindings are in group 0 and a bind group fills all of them: those that a flag leaves unread take any
small buffer. Lay the workgroups out in rows of \`GRID_WIDTH\`, as no axis takes more than 65,535.
[docs/examples/raw-wgsl](../docs/examples/raw-wgsl) does it in plain WebGPU calls; the same facts as data are the package's
\`ic-networks/kernels\`.

This file is made from the kernels' heads: \`npm run kernels:readme\`.
`;

/** kernels/README.md, made of what the kernels' files say. */
export function kernelsReadme(
  kernels: readonly KernelDescription[],
  sharedTexts: Readonly<Record<string, string>>,
): string {
  return [
    introduction,
    table([
      ['kernel', 'what it computes'],
      ...kernels.map(({ name, summary }) => [`[\`${name}\`](#${name})`, summary]),
    ]),
    '## Shared texts\n',
    table([
      ['text', 'what it holds'],
      ...Object.keys(sharedTexts)
        .sort()
        .map((name) => [`\`shared/${name}.wgsl\``, firstSentence(sharedTexts[name]!)]),
    ]),
    ...kernels.map(section),
  ].join('\n');
}

function section({
  name,
  summary,
  shared,
  bindings,
  constants,
  workgroupSize,
  grid,
  limits,
  features,
}: KernelDescription) {
  const facts = [
    `- Workgroups: ${grid}`,
    `- Threads of a workgroup: \`${workgroupSize}\`.`,
    shared.length > 0 && `- Shared texts: ${shared.map((list) => list.map(code).join(' or ')).join(', ')}.`,
    constants.length > 0 && `- Constants: ${constants.map((constant) => code(constant.name)).join(', ')}.`,
    features.length > 0 && `- Features: ${features.map(code).join(', ')}.`,
    limits && `- Limits: ${limits}`,
  ];
  const rows = bindings.map(({ binding, name, kind, type, description }) => [
    String(binding),
    code(name),
    kind,
    code(type),
    description,
  ]);
  const lines = facts.filter((fact) => typeof fact === 'string').join('\n');
  return `## ${name}\n\n${summary}\n\n${lines}\n\n${table([['binding', 'name', 'kind', 'type', 'what it holds'], ...rows])}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function firstSentence(text: string): string {
  const comment = /^(?:\/\/.*\n)+/.exec(text)?.[0] ?? '';
  const first = comment.replace(/^\/\/ ?/gm, '').split('\n\n')[0]!;
  return first.replace(/\s+/g, ' ').trim();
}

function table([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return `${[line(head!), line(head!.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
