import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'vite';

const root = resolve(import.meta.dirname, '../..');

/** How a child process ended. */
export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Bundles the Node entry of the device into a new temporary folder, as the package is built, with these packages and no
 * others installed beside it.
 */
export async function installBundle(packages: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'device-bundle-'));
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: true,
      outDir: folder,
      target: 'node20',
      minify: false,
      rollupOptions: { input: { node: join(root, 'src/device/node.ts') }, output: { entryFileNames: '[name].js' } },
    },
    ssr: { noExternal: true, external: ['webgpu', '@sparticuz/chromium'] },
  });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of packages) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, 'node_modules', name), link, 'dir');
  }
  return folder;
}

/** Runs a module's text with `openDevice` in scope in a Node process of its own; killed after five minutes. */
export function runChild(folder: string, text: string, environment: Record<string, string> = {}): Promise<ChildResult> {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES, ...inherited } = process.env;
  const module = `import { openDevice } from './node.js';\n${text}`;
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      ['--expose-gc', '--input-type=module', '--eval', module],
      { cwd: folder, env: { ...inherited, ...environment }, timeout: 300_000 },
      (_error, stdout, stderr) => done({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
    );
  });
}
