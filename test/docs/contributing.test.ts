import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from './blocks.js';

const run = promisify(execFile);
const parts = ['src', 'kernels', 'test', 'package.json', 'tsconfig.json', 'vite.config.ts'];

/** Does what CONTRIBUTING.md says, step by step, in a copy of the repository. */
it('a kernel is added by the steps of CONTRIBUTING.md', async () => {
  const guide = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8');
  const steps = [...guide.matchAll(/^\*\*\d\.\*\* ([\s\S]*?)\n\n```(\w+)\n([\s\S]*?)^```$/gm)];
  expect(steps).toHaveLength(7);
  const copy = await mkdtemp(join(tmpdir(), 'icnet-contributing-'));
  try {
    for (const part of parts) await cp(join(root, part), join(copy, part), { recursive: true });
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir');
    for (const [, instruction, language, block] of steps) {
      if (language === 'sh') {
        for (const command of block!.trim().split('\n'))
          await run('sh', ['-c', command], { cwd: copy, timeout: 600_000 });
        continue;
      }
      const file = join(copy, /`([^`]+)`$/.exec(instruction!)![1]!);
      if (instruction!.includes('at the end of')) await appendFile(file, block!);
      else if (instruction!.includes('behind `return {`')) {
        const text = await readFile(file, 'utf8');
        await writeFile(
          file,
          text.replace('  return {\n', () => `  return {\n${block}`),
        );
      } else await writeFile(file, block!);
    }
    expect(await readFile(join(copy, 'kernels/README.md'), 'utf8')).toContain('## scale\n\nA tensor times a number.');
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}, 400_000);
