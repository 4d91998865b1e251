import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../../src/graph/network.js';
import { initialParameters } from '../../src/models/initialise.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { networkForward } from '../reference/network.js';
import { reluReference } from '../reference/pointwise.js';
import { launchBrowser, openPage } from '../support/browser.js';
import { packed } from '../support/packed.js';
import { type FolderServer, serveFolder } from '../support/server.js';
import { expectClose } from '../support/tolerance.js';

/** Files of the package itself, without a bundler, and neither eval nor wasm nor anything from elsewhere. */
const policy = { 'content-security-policy': "default-src 'none'; script-src 'self'" };
const network = cifarResNet({ depth: 8, ic: true, input: { height: 8, width: 8, channels: 1 } });
const image = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
const logitsOf = (network: Network) =>
  networkForward(network, initialParameters(network, 1), image, { training: false }).logits;
const exact = logitsOf(network);

let browser: Browser;
let server: FolderServer;

beforeAll(async () => {
  const { project } = await packed();
  const site = join(project, 'pages');
  await rm(site, { recursive: true, force: true });
  await cp(join(import.meta.dirname, 'pages'), site, { recursive: true });
  const dist = join(project, 'node_modules/ic-networks/dist');
  for (const name of ['package', 'older']) await cp(dist, join(site, name), { recursive: true });
  await age(join(site, 'older'));
  for (const name of ['limits', 'versions', 'workers']) {
    const html = `<!doctype html><title>${name}</title><script type="module" src="${name}.js"></script>`;
    await writeFile(join(site, `${name}.html`), html);
  }
  [browser, server] = await Promise.all([launchBrowser(), serveFolder(site, policy)]);
}, 300_000);

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Makes files those of an earlier version. */
async function age(folder: string): Promise<void> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.js'));
  let aged = 0;
  for (const name of names) {
    const text = await readFile(join(folder, name), 'utf8');
    const older = text.replaceAll(`{\\"version\\":\\"0.1.0\\"}`, `{\\"version\\":\\"0.0.9\\"}`);
    if (older === text) continue;
    await writeFile(join(folder, name), older);
    aged++;
  }
  expect(aged).toBeGreaterThan(0);
}

/** What a page leaves, without a complaint. */
async function resultOf<Result>(name: string): Promise<Result> {
  const { page, complaints } = await openPage(browser);
  await page.goto(`${server.address}${name}.html`);
  const html = page.locator('html[data-result]');
  await html.waitFor({ state: 'attached' });
  const result = JSON.parse((await html.getAttribute('data-result'))!);
  expect(result.error).toBeUndefined();
  expect(complaints).toEqual([]);
  await page.context().close();
  return result;
}

function expectLogits(logits: readonly number[], expected = exact): void {
  expectClose(Float32Array.from(logits), expected, 1e-4, 'logits');
}

interface Limited {
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly network: Network;
  readonly logits: readonly number[];
  readonly losses: readonly number[];
}

interface Versions {
  readonly apart: boolean;
  readonly logits: readonly (readonly number[])[];
  readonly rectified: readonly number[];
}

describe('The files of the package in a page', () => {
  it('run and train networks on a device with the default limits and without a feature', async () => {
    const { features, limits, network, logits, losses } = await resultOf<Limited>('limits');
    for (const feature of ['subgroups', 'shader-f16', 'timestamp-query']) expect(features).not.toContain(feature);
    expect(limits).toEqual({ maxStorageBufferBindingSize: 2 ** 27, maxComputeInvocationsPerWorkgroup: 256 });
    expectLogits(logits, logitsOf(network));
    expect(losses).toHaveLength(8);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });

  it('get on with another version of the package on one device', async () => {
    const { apart, logits, rectified } = await resultOf<Versions>('versions');
    expect(apart).toBe(true);
    expect(logits).toHaveLength(3);
    for (const each of logits) expectLogits(each);
    expectClose(Float32Array.from(rectified), reluReference(exact), 1e-4, 'rectified');
  });

  it('compute in a Web Worker and in a SharedWorker', async () => {
    expect(await resultOf('workers')).toEqual({ own: [0, 2, 0], shared: new Array(2).fill([0, 2, 0]) });
  });
});
