import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Report } from '../../src/compare/rows.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { interruptsItself } from '../support/interrupts.js';

const root = resolve(import.meta.dirname, '../..');
const { version: packageVersion } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const adapter = process.env.ICNET_TEST_ADAPTER ?? 'auto';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icnet-bench-'));
  await build({ root, configFile: join(root, 'bench/vite.config.ts'), logLevel: 'error' });
});

afterAll(async () => {
  await closeTestDevice();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the built bench, with variables added to the environment. */
function bench(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const script = join(root, 'bench/dist/main.js');
    const child = spawn(process.execPath, [script, '--adapter', adapter, ...words], {
      cwd: root,
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
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}

it('times every pass of a convolution beside the peer and writes what it found', async () => {
  const [json, html] = [join(folder, 'bench.json'), join(folder, 'bench.html')];
  const filter = 'resnet20 b32 1x1/2 16x16 32->64';
  const files = ['--json', json, '--html', html];
  const without = ['--without', 'subgroups'];
  const ended = await bench(['--suite', 'conv', 'ic', '--filter', filter, '--seconds', '0.05', ...without, ...files]);
  expect(ended.code, ended.stdout + ended.stderr).toBe(0);
  expect(ended.stdout).toContain('Geometric means');

  const found = JSON.parse(await readFile(json, 'utf8')) as Report;
  expect(found).toMatchObject({ tuned: false, without: ['subgroups'] });
  expect(found.rows.map(({ family }) => family)).not.toContain('subgroup');
  expect(found.failures).toEqual([]);
  expect(found.driver).toBe(found.adapter.description);
  expect(found.versions).toMatchObject({ node: process.versions.node });
  expect(found.incomparable).toBe(0);
  expect(new Date(found.date).getTime()).toBeGreaterThan(0);
  expect(found.rows.map(({ suite, name, pass }) => `${suite} ${name} ${pass}`)).toEqual([
    `conv ${filter} forward`,
    `conv ${filter} inputGradient`,
    `conv ${filter} filterGradient`,
    `ic ${filter} forward`,
  ]);
  for (const row of found.rows) {
    const { ours, peer } = row.samples;
    expect(ours.length).toBeGreaterThanOrEqual(3);
    expect(peer.length).toBe(ours.length);
    const beside = row.suite === 'ic' ? ['plain convolution', packageVersion] : ['TensorFlow.js', '4.22.0'];
    expect([row.peer!.name, row.peer!.version]).toEqual(beside);
    expect(row.peer!.waiting).not.toBe('');
    const ratio = row.suite === 'ic' ? row.oursMs / row.peerMs! : row.peerMs! / row.oursMs;
    expect(row.ratio).toBeCloseTo(ratio, 9);
    expect(row.ratioLow!).toBeLessThanOrEqual(row.ratio!);
    expect(row.ratioHigh!).toBeGreaterThanOrEqual(row.ratio!);
    expect(row.gflops! * row.oursMs).toBeCloseTo((2 * 32 * 8 * 8 * 32 * 64) / 1e6, 6);
  }
  expect(await readFile(html, 'utf8')).toContain('</html>');
});

it('keeps the rows that it has when it is interrupted', async () => {
  const json = join(folder, 'interrupted.json');
  const words = ['--suite', 'conv', '--no-peer', '--filter', 'resnet20 b32', '--seconds', '0.05', '--json', json];
  // A line of progress stands there from the second row on.
  const ended = await bench(words, interruptsItself(/bench [2-9]/));
  expect(ended.code, ended.stdout + ended.stderr).toBe(130);
  const found = JSON.parse(await readFile(json, 'utf8')) as Report;
  expect(found.rows.length).toBeGreaterThan(0);
  expect(found.leftOut).toBeGreaterThan(0);
  expect(ended.stdout).toContain(`Interrupted: ${found.leftOut} rows are left out.`);
});

it('holds float16 to float32, and times them beside each other', async () => {
  const json = join(folder, 'half.json');
  const filter = 'resnet20 b32 1x1/2 16x16 32->64 forward';
  const words = ['--precision', 'float16', '--suite', 'conv', 'ic', '--filter', filter, '--seconds', '0.05'];
  const ended = await bench([...words, '--no-peer', '--json', json]);
  const { device } = await testDevice();
  if (!device.features.has('shader-f16')) {
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^bench: bench: precision: .*shader-f16/m);
    return;
  }
  expect(ended.code, ended.stdout + ended.stderr).toBe(0);
  const { precision, failures, rows } = JSON.parse(await readFile(json, 'utf8')) as Report;
  expect({ precision, failures }).toEqual({ precision: 'float16', failures: [] });
  expect(rows.map(({ suite, peer }) => [suite, peer!.name])).toEqual([
    ['conv', 'this package in float32'],
    ['ic', 'plain convolution'],
  ]);
});

it('says in one sentence that a filter leaves nothing', async () => {
  const { code, stderr } = await bench(['--filter', 'no such row']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^bench: bench: filter: .*no such row/m);
});

it('knows its peers', async () => {
  const { code, stderr } = await bench(['--peer', 'jax', 'nobody']);
  expect(code).toBe(1);
  expect(stderr).toContain("argument 'nobody' is invalid. Expected one of tensorflow, onnxruntime, jax.");
});
