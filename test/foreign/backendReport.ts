/** What became of one of onnx's tests. */
export interface Result {
  readonly name: string;
  readonly operators: readonly string[];
  /** `other` has operators that are not read, `unfit` is none of images. */
  readonly kind: 'taken' | 'refused' | 'wrong' | 'other' | 'unfit';
  /** The error as a share, or why it is refused or unfit. */
  readonly text: string;
}

/** docs/onnx-operators.md */
export function backendReport(results: readonly Result[]): string {
  const of = (kind: Result['kind']) => results.filter((result) => result.kind === kind);
  const tested = [...of('taken'), ...of('refused')];
  const operators = [...new Set(tested.map(mainOperator))].sort();
  const unfit = counted(of('unfit').map(({ text }) => text));
  const missing = counted(of('other').flatMap(({ operators: all }) => all.at(-1)!));
  return `${[
    "# onnx's own tests",
    '',
    `Of the ${results.length} tests of onnx 1.12 (node, simple, pytorch-operator and pytorch-converted of Debian's libonnx-testdata),`,
    `${of('taken').length} are imported and give on the device what they expect, to 1e-4 of the largest output; ${of('refused').length} are refused, as below;`,
    `${of('unfit').length} are not of images (${unfit.map(([text, count]) => `${text}: ${count}`).join(', ')}), and ${of('other').length} have operators that`,
    'are not read. `npm run test:onnx -- --update` writes this page.',
    '',
    'A test whose first input has less than four axes gets images with axes of size 1 behind them, where that is its input; the others are',
    'constants, but for operators of several tensors, which are channels of the images.',
    '',
    '| operator | taken | refused | for |',
    '| --- | --- | --- | --- |',
    ...operators.map((operator) =>
      row(
        operator,
        tested.filter((result) => mainOperator(result) === operator),
      ),
    ),
    '',
    '## Operators that are not read',
    '',
    missing
      .map(([name]) => name)
      .sort()
      .join(', '),
  ].join('\n')}\n`;
}

function row(operator: string, results: readonly Result[]): string {
  const refused = results.filter(({ kind }) => kind === 'refused');
  const reasons = counted(refused.map(reasonOf)).map(([text, count]) => `${text} (${count})`);
  return `| ${operator} | ${results.length - refused.length} | ${refused.length} | ${reasons.join('; ')} |`;
}

/** The operator that a test is of, or that it is refused for. */
function mainOperator({ operators, kind, text }: Result): string {
  const refused = /node [^(]*\((\w+)\)/.exec(text)?.[1];
  const named = operators.filter((name) => name !== 'Constant');
  return (kind === 'refused' && refused && operators.includes(refused) ? refused : named[0]) ?? operators[0]!;
}

/** Which attribute or input it is, and what is taken of it. */
function reasonOf({ text }: Result): string {
  const [, place = '', expected = ''] = /^decodeOnnx: (.*?): expected (.*?), got /s.exec(text) ?? [];
  const what = /\(\w+\), (.+)$/.exec(place)?.[1] ?? (place.includes('version') ? 'version' : '');
  const taken = expected
    .replace(/"[^"]*"/g, 'NAME')
    .replace(/ of \[.*?\]/g, '')
    .replace(/, the first is \[.*?\]/g, '');
  return `${what === '' ? '' : `${what}: `}${taken}`.replaceAll('|', '');
}

/** Texts with how often they are there, the most frequent first. */
function counted(texts: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([one, first], [other, second]) => second - first || one.localeCompare(other));
}
