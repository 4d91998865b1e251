import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crashGpuProcess, launchBrowser, openPage } from '../support/browser.js';

/** A page of a server, as WebGPU exists in secure contexts alone. */
let server: Server;
let address: string;
let browser: Browser;

beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Empty</title>');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  address = `http://localhost:${(server.address() as AddressInfo).port}/`;
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function emptyPage(): Promise<Page> {
  const { page } = await openPage(browser);
  await page.goto(address);
  return page;
}

describe('The browser that tests run in', () => {
  it('has WebGPU on SwiftShader, with subgroups', async () => {
    const page = await emptyPage();
    const adapter = await page.evaluate(async () => {
      const found = await navigator.gpu.requestAdapter();
      return found && { architecture: found.info.architecture, subgroups: found.features.has('subgroups') };
    });
    expect(adapter).toEqual({ architecture: 'swiftshader', subgroups: true });
  });

  it('loses its devices with the GPU process, and gives new ones afterwards', async () => {
    const page = await emptyPage();
    await page.evaluate(async () => {
      const adapter = await navigator.gpu.requestAdapter();
      const device = await adapter!.requestDevice();
      Object.assign(globalThis, { lost: device.lost.then(({ reason }) => reason) });
    });
    await crashGpuProcess(browser);
    const reason = await page.evaluate(() => (globalThis as unknown as { lost: Promise<string> }).lost);
    expect(reason).toBe('unknown');
    const recovered = await page.evaluate(async () => {
      const adapter = await navigator.gpu.requestAdapter();
      return (await adapter!.requestDevice()).label;
    });
    expect(recovered).toBe('');
  });
});
