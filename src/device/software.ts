import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { access, lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants, homedir, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-fs';
import { UnsupportedError } from '../errors.js';

/** Absolute paths of the unpacked software adapter. */
export interface SoftwareAdapter {
  /** The Vulkan loader, `libvulkan.so.1`. */
  readonly loader: string;
  /** The JSON file that names the SwiftShader driver to the loader. */
  readonly driver: string;
}

interface Archive {
  readonly path: string;
  readonly version: string;
}

const operation = 'installSoftwareAdapter';
const packageName = '@sparticuz/chromium';
const loaderName = 'libvulkan.so.1';
const driverName = 'vk_swiftshader_icd.json';
/** Nothing is unpacked for longer; in milliseconds. */
const longestUnpacking = 3600e3;
const fileNames = [loaderName, 'libvk_swiftshader.so', driverName];

/** glibc's RTLD_NODELETE: the library stays loaded though Node closes its handle. Node has no name for it. */
const keepLoaded = 0x1000;

function packageMissing(expected: string, got: string, cause?: unknown): UnsupportedError {
  return new UnsupportedError({ operation, parameter: packageName, expected, got }, { cause });
}

function findArchive(): Archive {
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(packageName);
  } catch (cause) {
    throw packageMissing(`the package to be installed (npm install ${packageName})`, 'none', cause);
  }
  const root = entry.slice(0, entry.lastIndexOf(packageName) + packageName.length);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const path = join(root, 'bin', 'swiftshader.tar.br');
  if (!existsSync(path)) {
    throw packageMissing(`a version with bin/swiftshader.tar.br (npm install ${packageName}@143)`, version);
  }
  return { path, version };
}

async function isComplete(folder: string): Promise<boolean> {
  try {
    await Promise.all(fileNames.map((name) => access(join(folder, name))));
    return true;
  } catch {
    return false;
  }
}

/** Unpacks beside the target, then moves file by file: each one appears whole or not at all, whoever else does the same. */
async function unpack(archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeLeftovers(folder);
  const unpacked = await mkdtemp(`${folder}-`);
  try {
    await pipeline(
      createReadStream(archive),
      createBrotliDecompress(),
      extract(unpacked, {
        ignore: (path) => !fileNames.includes(basename(path)),
        // Root would otherwise hand the files to whichever user has the packager's number.
        map: (header) => ({ ...header, uid: process.getuid!(), gid: process.getgid!() }),
      }),
    );
    for (const name of fileNames) await rename(join(unpacked, name), join(folder, name));
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}

/** Removes what processes left beside a folder that were killed while they unpacked. */
async function removeLeftovers(folder: string): Promise<void> {
  const beside = dirname(folder);
  const names = await readdir(beside);
  for (const name of names.filter((one) => one.startsWith(`${basename(folder)}-`))) {
    const left = join(beside, name);
    const status = await lstat(left).catch(() => undefined);
    if (status && status.mtimeMs < Date.now() - longestUnpacking) await rm(left, { recursive: true, force: true });
  }
}

/** A folder of this user's own below the shared temporary folder: code is loaded from it, so nobody else may write there. */
async function privateTemporaryFolder(): Promise<string> {
  const folder = join(tmpdir(), `ic-networks-${process.getuid!()}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const status = await lstat(folder);
  if (!status.isDirectory() || status.uid !== process.getuid!() || status.mode & 0o022) {
    throw new UnsupportedError({
      operation,
      parameter: 'XDG_CACHE_HOME',
      expected: 'a cache folder that can be written',
      got: `none, and ${folder} is open to other users`,
    });
  }
  return folder;
}

async function unpackedFolder({ path, version }: Archive): Promise<string> {
  const name = `swiftshader-${version}`;
  const cached = join(resolve(process.env.XDG_CACHE_HOME || join(homedir(), '.cache')), 'ic-networks', name);
  if (await isComplete(cached)) return cached;
  try {
    await unpack(path, cached);
    return cached;
  } catch {
    const temporary = join(await privateTemporaryFolder(), name);
    if (!(await isComplete(temporary))) await unpack(path, temporary);
    return temporary;
  }
}

/**
 * Unpacks the SwiftShader software adapter and its Vulkan loader from the optional package `@sparticuz/chromium` into the
 * user's cache folder, or the temporary folder where the cache cannot be written; once unpacked they are reused.
 *
 * @throws UnsupportedError on systems other than Linux on x64, and where the package is missing.
 */
export async function installSoftwareAdapter(): Promise<SoftwareAdapter> {
  const system = `${process.platform} ${process.arch}`;
  if (system !== 'linux x64') {
    throw new UnsupportedError({
      operation,
      parameter: 'system',
      expected: 'linux x64 for the embedded software adapter; a GPU and its driver serve elsewhere',
      got: system,
    });
  }
  const folder = await unpackedFolder(findArchive());
  return { loader: join(folder, loaderName), driver: join(folder, driverName) };
}

/**
 * Loads the Vulkan loader into this process. A library that is in the process already is what a later search for
 * `libvulkan.so.1` finds, so this makes Vulkan available on a system without a loader.
 *
 * @throws UnsupportedError where the system cannot load it.
 */
export function loadVulkanLoader(loader: string): void {
  try {
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | keepLoaded);
  } catch (error) {
    // It is loaded by now; Node merely finds that it is no addon.
    const message = error instanceof Error ? error.message : String(error);
    if (message.startsWith('Module did not self-register')) return;
    throw new UnsupportedError(
      { operation, parameter: loaderName, expected: 'a library that this system loads', got: message },
      { cause: error },
    );
  }
}
