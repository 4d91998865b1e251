import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installBundle, runChild } from './child.js';

const open = (adapter: string) => `const opened = await openDevice({ adapter: '${adapter}' });`;
const report = `process.stdout.write(JSON.stringify({ adapter: opened.adapter, hint: opened.hint }));`;
const reportError = (adapter: string) => `
  const error = await openDevice({ adapter: '${adapter}' }).then((opened) => opened.close(), (error) => error);
  process.stdout.write(JSON.stringify({ name: error?.name, message: error?.message }));`;
const clean = { code: 0, signal: null };

describe('a Node process of its own', () => {
  let folder: string;
  let cache: string;

  beforeAll(async () => {
    folder = await installBundle(['webgpu', '@sparticuz/chromium']);
    cache = await mkdtemp(join(tmpdir(), 'device-cache-'));
  });

  afterAll(async () => {
    for (const made of [folder, cache]) await rm(made, { recursive: true, force: true });
  });

  it('unpacks the adapter once where two processes start together with an empty cache', async () => {
    const text = `${open('software')} ${report} opened.close();`;
    const environment = { XDG_CACHE_HOME: cache };
    const both = await Promise.all([runChild(folder, text, environment), runChild(folder, text, environment)]);

    for (const child of both) {
      expect(child).toMatchObject(clean);
      expect(JSON.parse(child.stdout).adapter).toMatchObject({ architecture: 'swiftshader', software: true });
    }
    const [installed, ...leftovers] = await readdir(join(cache, 'ic-networks'));
    expect(installed).toMatch(/^swiftshader-\d/);
    expect(leftovers).toEqual([]);
    const files = await readdir(join(cache, 'ic-networks', installed!));
    expect(files.sort()).toEqual(['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json']);
  });

  it('replaces a file that has gone from the cache, and removes what a killed process left there', async () => {
    const [installed] = await readdir(join(cache, 'ic-networks'));
    await rm(join(cache, 'ic-networks', installed!, 'libvk_swiftshader.so'));
    const [old, underWay] = ['aBcD12', 'eFgH34'].map((end) => join(cache, 'ic-networks', `${installed}-${end}`));
    for (const made of [old!, underWay!]) await mkdir(made);
    await writeFile(join(old!, 'libvulkan.so.1'), '');
    const hoursAgo = new Date(Date.now() - 2 * 3600e3);
    await utimes(old!, hoursAgo, hoursAgo);
    const child = await runChild(folder, `${open('software')} ${report} opened.close();`, { XDG_CACHE_HOME: cache });

    expect(child).toMatchObject(clean);
    expect(JSON.parse(child.stdout).adapter.architecture).toBe('swiftshader');
    expect((await readdir(join(cache, 'ic-networks'))).sort()).toEqual([installed, `${installed}-eFgH34`]);
    await rm(underWay!, { recursive: true });
  });

  it('runs on the embedded loader, and leaves the environment as it was', async () => {
    const text = `
      import { readFileSync } from 'node:fs';
      ${open('software')}
      const loaders = readFileSync('/proc/self/maps', 'utf8').match(/\\S+libvulkan\\.so\\S*/g);
      const variables = [process.env.VK_ICD_FILENAMES, process.env.VK_DRIVER_FILES ?? 'none'];
      process.stdout.write(JSON.stringify({ loaders: [...new Set(loaders)], variables }));
      opened.close();`;
    const child = await runChild(folder, text, { XDG_CACHE_HOME: cache, VK_ICD_FILENAMES: '/no/such/driver.json' });

    expect(child).toMatchObject(clean);
    const { loaders, variables } = JSON.parse(child.stdout);
    expect(loaders).toEqual([expect.stringMatching(/libvulkan\.so\.1$/)]);
    expect(loaders[0].startsWith(cache)).toBe(true);
    expect(variables).toEqual(['/no/such/driver.json', 'none']);
  });

  it('uses the temporary folder where the cache cannot be written', async () => {
    const blocked = join(cache, 'a-file');
    await writeFile(blocked, '');
    const temporary = await mkdtemp(join(tmpdir(), 'device-temporary-'));
    const environment = { XDG_CACHE_HOME: blocked, TMPDIR: temporary };
    const child = await runChild(folder, `${open('software')} ${report} opened.close();`, environment);

    expect(child).toMatchObject(clean);
    expect(await readdir(temporary)).toEqual([expect.stringMatching(/^ic-networks-\d+$/)]);
    await rm(temporary, { recursive: true });
  });

  it('exits by itself once its device is closed, with buffers and pending work left behind', async () => {
    const text = `
      ${open('software')}
      const { device } = opened;
      globalThis.kept = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const mapping = kept.mapAsync(GPUMapMode.READ).then(() => 'mapped', (error) => error.name);
      opened.close();
      opened.close();
      process.stdout.write(await mapping);`;
    const child = await runChild(folder, text, { XDG_CACHE_HOME: cache });

    expect(child).toMatchObject({ ...clean, stdout: 'AbortError' });
  });

  it('survives garbage collection where the device, open or closed, is all that is held', async () => {
    const text = `
      const deviceAlone = async (end) => {
        const opened = await openDevice({ adapter: 'software' });
        if (end) opened.close();
        return opened.device;
      };
      const compileAfterCollection = async (device) => {
        let collected = 0;
        const registry = new FinalizationRegistry(() => collected++);
        for (let round = 0; round < 3; round++) {
          registry.register({}, 0);
          while (collected <= round) {
            gc();
            await new Promise((done) => setImmediate(done));
          }
        }
        const module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
        await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
      };
      await compileAfterCollection(await deviceAlone(true));
      const open = await deviceAlone(false);
      await compileAfterCollection(open);
      open.destroy();
      process.stdout.write('done');`;
    const child = await runChild(folder, text, { XDG_CACHE_HOME: cache });

    expect(child).toMatchObject({ ...clean, stdout: 'done' });
  });

  it('takes the driver that the environment names where there is no GPU', async () => {
    const [installed] = await readdir(join(cache, 'ic-networks'));
    const driver = join(cache, 'ic-networks', installed!, 'vk_swiftshader_icd.json');
    // The first device brings the loader, which this system may lack.
    const text = `
      (await openDevice({ adapter: 'software' })).close();
      const gpu = await openDevice({ adapter: 'gpu' }).then((opened) => opened.close(), (error) => error);
      ${open('auto')} ${report} opened.close();
      process.stderr.write(String(gpu));`;
    const child = await runChild(folder, text, { XDG_CACHE_HOME: cache, VK_ICD_FILENAMES: driver });

    expect(child).toMatchObject(clean);
    expect(child.stderr).toMatch(/DeviceLostError: .* expected a GPU .* got no GPU, only SwiftShader/);
    const { adapter, hint } = JSON.parse(child.stdout);
    expect(adapter.architecture).toBe('swiftshader');
    expect(hint).toContain('--adapter llvmpipe');
  });
});

describe('missing packages', () => {
  const folders: string[] = [];
  const install = async (...packages: string[]) => {
    const folder = await installBundle(packages);
    folders.push(folder);
    return folder;
  };

  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  it('says how to install webgpu', async () => {
    const child = await runChild(await install(), reportError('auto'));

    expect(child).toMatchObject(clean);
    const { name, message } = JSON.parse(child.stdout);
    expect(name).toBe('UnsupportedError');
    expect(message).toContain('npm install webgpu');
  });

  it('says how to install the software adapter, and lists it as missing in a search by name', async () => {
    const folder = await install('webgpu');
    const software = await runChild(folder, reportError('software'));
    const byName = await runChild(folder, reportError('no such adapter'));

    expect(software).toMatchObject(clean);
    expect(JSON.parse(software.stdout).name).toBe('UnsupportedError');
    expect(byName).toMatchObject(clean);
    expect(JSON.parse(byName.stdout).name).toBe('DeviceLostError');
    for (const child of [software, byName]) {
      expect(JSON.parse(child.stdout).message).toContain('npm install @sparticuz/chromium');
    }
  });
});
