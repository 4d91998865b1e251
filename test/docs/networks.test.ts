import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { networkByName, publishedNames } from '../../src/models/networkByName.js';
import { summarise } from '../../src/models/summary.js';

const page = await readFile(new URL('../../docs/networks.md', import.meta.url), 'utf8');

/** Rows of the table of families: name, parameters, multiply-adds, and what the IC form has besides of both. */
const rows = [...page.matchAll(/^\| (`.+`) \| ([\d, ]+) \| ([\d.]+) G \| \+([\d.]+) % \| \+([\d.]+) % \|$/gm)].flatMap(
  ([, names, parameters, multiplyAdds, ...more]) =>
    names!.split(', ').map((name, index) => ({
      name: name.slice(1, -1),
      parameters: parameters!.split(', ')[index]!,
      multiplyAdds: multiplyAdds!,
      more: more as [string, string],
    })),
);

const decimals = (text: string): number => text.split('.')[1]!.length;

describe('the table of families', () => {
  it('has a row for every published network, but for some of timm', () => {
    const absent = publishedNames.filter((name) => !rows.some((row) => row.name === name));
    expect(absent).toEqual(['resnet34d', 'resnet101d', 'resnet152d']);
    expect(rows.length).toBe(publishedNames.length - absent.length);
  });

  it.each(rows)('$name is what it says', ({ name, parameters, multiplyAdds, more }) => {
    const [plain, ic] = [name, `ic-${name}`].map((one) => summarise(networkByName(one))) as [
      ReturnType<typeof summarise>,
      ReturnType<typeof summarise>,
    ];
    expect(plain.parameters.toLocaleString('en')).toBe(parameters);
    expect((plain.multiplyAdds / 1e9).toFixed(2)).toBe(multiplyAdds);
    const share = (of: 'parameters' | 'multiplyAdds', digits: number) =>
      ((ic[of] / plain[of] - 1) * 100).toFixed(digits);
    expect([share('parameters', decimals(more[0])), share('multiplyAdds', decimals(more[1]))]).toEqual(more);
  });
});
