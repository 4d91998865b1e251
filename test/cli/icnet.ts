import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'vite';
import type { ImageDataset } from '../../src/io/dataset.js';
import { idxFile } from '../io/files.js';

const root = resolve(import.meta.dirname, '../..');

/** The adapter that the commands are told to use. */
export const adapter = process.env.ICNET_TEST_ADAPTER ?? 'auto';

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a test does to a command. */
export interface Meddling {
  /** Gets the process as it starts. */
  readonly started?: (child: ChildProcessWithoutNullStreams) => void;
  /** Variables of its environment, besides those of the test. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The command line as a user has it: built, in a folder of its own, with the packages it cannot do without. */
export interface Installed {
  readonly folder: string;
  /** Runs `icnet` in the folder, as `meddling` says. */
  run(args: readonly string[], meddling?: Meddling): Promise<Ended>;
  remove(): Promise<void>;
}

export async function installCommand(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), 'icnet-'));
  await build({ root, logLevel: 'error', build: { outDir: join(folder, 'dist') } });
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  for (const name of ['webgpu', '@sparticuz/chromium', 'sharp']) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, 'node_modules', name), link, 'dir');
  }
  return {
    folder,
    run: (args, meddling) => run(folder, args, meddling),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function run(folder: string, args: readonly string[], { started, environment }: Meddling = {}): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(folder, 'dist/cli.js'), ...args], {
      cwd: folder,
      env: { ...process.env, ...environment },
      timeout: 600_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr: ownLines(stderr) }));
    started?.(child);
  });
}

/** Without what Dawn writes by itself of the drivers’ limits, which is kept off terminals and pipes, but these are sockets. */
function ownLines(stderr: string): string {
  return stderr.replace(/^Warning: max\w+ artificially reduced .*\n/gm, '');
}

/** What a command printed with --json: every line is an object. */
export function objects(stdout: string): Record<string, unknown>[] {
  const lines = stdout.split('\n');
  if (lines.pop() !== '') throw new Error('the last line does not end');
  return lines.map((line) => {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`no object: ${line}`);
    return value as Record<string, unknown>;
  });
}

/** Writes a data set as a folder of IDX files. */
export async function writeIdxFolder(path: string, train: ImageDataset, test: ImageDataset): Promise<void> {
  await mkdir(path, { recursive: true });
  for (const [role, { count, height, width, images, labels }] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    await writeFile(join(path, `${role}-images-idx3-ubyte`), idxFile([count, height, width], images));
    await writeFile(join(path, `${role}-labels-idx1-ubyte`), idxFile([count], Uint8Array.from(labels)));
  }
}
