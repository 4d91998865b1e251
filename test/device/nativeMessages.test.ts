import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const source = resolve(import.meta.dirname, '../../src/device/nativeMessages.ts');

let folder: string;

/** Writes to descriptor 2 as native code does: ahead of the call, in it, behind it, and in one that fails. */
const program = `
import { writeSync } from 'node:fs';
import { withoutNativeMessages } from './nativeMessages.mjs';
writeSync(2, 'before ');
const value = withoutNativeMessages(() => writeSync(2, 'native '));
try {
  withoutNativeMessages(() => { writeSync(2, 'failing '); throw new Error('thrown'); });
} catch (error) {
  process.stderr.write(error.message + ' ');
}
writeSync(2, 'after ' + value);
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'native-messages-'));
  await build({ entryPoints: [source], outfile: join(folder, 'nativeMessages.mjs'), format: 'esm' });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function shell(command: string, text = program): Promise<string> {
  const environment = { ...process.env, NODE: process.execPath, PROGRAM: text };
  const { stdout } = await run('sh', ['-c', command], { cwd: folder, env: environment });
  return stdout;
}

const node = '"$NODE" --input-type=module --eval "$PROGRAM"';

it('keeps what native code writes off a pipe, within the call alone', async () => {
  expect(await shell(`${node} 2>&1 | cat`)).toBe('before thrown after 7');
});

it('leaves a file as it is, whose place others share', async () => {
  await shell(`${node} >log 2>&1`);
  expect(await readFile(join(folder, 'log'), 'utf8')).toBe('before native failing thrown after 7');
});

it('leaves packages that are links to be found behind a pipe', async () => {
  await mkdir(join(folder, 'elsewhere/node_modules/inner'), { recursive: true });
  await mkdir(join(folder, 'elsewhere/node_modules/linked'), { recursive: true });
  await mkdir(join(folder, 'node_modules'), { recursive: true });
  await symlink(join(folder, 'elsewhere/node_modules/linked'), join(folder, 'node_modules/linked'));
  await writeFile(join(folder, 'elsewhere/node_modules/inner/index.js'), 'module.exports = 1;');
  await writeFile(join(folder, 'elsewhere/node_modules/linked/index.js'), "module.exports = require('inner') + 1;");
  const linked = `
    const { withoutNativeMessages } = await import('./nativeMessages.mjs');
    withoutNativeMessages(() => {});
    console.log((await import('linked')).default);`;
  expect(await shell(`${node} 2>&1 | cat`, linked)).toBe('2\n');
});

it('leaves an error output that is closed', async () => {
  await shell(`${node} 2>&-`);
});
