import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

it('docs/pytorch.md holds the module ahead of what uses it', async () => {
  const page = await readFile(new URL('../../docs/pytorch.md', import.meta.url), 'utf8');
  const [module = ''] = page.match(/^```python\n[^`]*(`[^`]+`[^`]*)*?^```$/m) ?? [];
  for (const name of ['class ICConv2d', 'def to_ic', 'def imagenet_resnet', 'def cifar_resnet']) {
    expect(module).toContain(name);
  }
});
