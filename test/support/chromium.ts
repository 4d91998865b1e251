import { execFile } from 'node:child_process';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-fs';

/** How a Chromium is started. */
export interface Chromium {
  readonly executable: string;
  readonly environment: Record<string, string>;
}

const packageName = '@sparticuz/chromium';

/**
 * Unpacks the Chromium of `@sparticuz/chromium` into the user's cache folder, once for each version: browser, SwiftShader,
 * fonts, and the libraries that a bare system lacks.
 */
export async function installChromium(): Promise<Chromium> {
  const entry = createRequire(import.meta.url).resolve(packageName);
  const root = entry.slice(0, entry.lastIndexOf(packageName) + packageName.length);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const cache = resolve(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'));
  const folder = join(cache, 'ic-networks', `chromium-${version}`);
  if (!existsSync(folder)) await unpack(join(root, 'bin'), folder);
  const executable = join(folder, 'chromium');
  return {
    executable,
    environment: {
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
      ...((await lacksLibraries(executable)) && { LD_LIBRARY_PATH: join(folder, 'lib') }),
    },
  };
}

/** Unpacked beside its place and renamed, so that the folder appears whole or not at all. */
async function unpack(archives: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const beside = await mkdtemp(`${folder}-`);
  try {
    const unbrotli = (name: string, to: Writable) =>
      pipeline(createReadStream(join(archives, name)), createBrotliDecompress(), to);
    const executable = join(beside, 'chromium');
    await Promise.all([
      writeFile(executable, createReadStream(join(archives, 'chromium.br')).pipe(createBrotliDecompress())),
      ...['fonts.tar.br', 'swiftshader.tar.br', 'al2023.tar.br'].map((name) => unbrotli(name, untar(beside))),
    ]);
    await chmod(executable, 0o755);
    await writeFile(join(beside, 'fonts.conf'), fontConfiguration(join(folder, 'fonts')));
    await rename(beside, folder).catch((error: unknown) => {
      // Another process was quicker.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** As root, files would otherwise go to whichever user has the packager's number. */
function untar(folder: string): Writable {
  const own = { uid: process.getuid!(), gid: process.getgid!() };
  return extract(folder, { map: (header) => ({ ...header, ...own }) }) as unknown as Writable;
}

/** The same sans-serif on every system, so that pictures of a page look alike; what else there is comes from the system. */
function fontConfiguration(fonts: string): string {
  const preferred = (family: string, font: string): string =>
    `<alias><family>${family}</family><prefer><family>${font}</family></prefer></alias>`;
  return [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    '<fontconfig>',
    `<dir>${fonts}</dir>`,
    '<dir>/usr/share/fonts</dir>',
    preferred('sans-serif', 'Open Sans'),
    preferred('system-ui', 'Open Sans'),
    preferred('serif', 'DejaVu Serif'),
    preferred('monospace', 'DejaVu Sans Mono'),
    `<cachedir>${fonts}-cache</cachedir>`,
    '</fontconfig>',
  ].join('\n');
}

async function lacksLibraries(executable: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ldd', [executable]);
  return stdout.includes('not found');
}
