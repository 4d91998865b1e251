import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { type LaunchOptions, launchBrowser } from './browser.js';

/** The demo's static build on a server. */
export interface ServedDemo {
  /** The page, below a folder, as on a static host. */
  readonly address: string;
  /** The build's folder. */
  readonly folder: string;
  /** Closes the server; the page is then offline. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

const subPath = '/some/where/';

/** Builds the demo into a temporary folder and serves it. */
export async function serveDemo(): Promise<ServedDemo> {
  const folder = await mkdtemp(join(tmpdir(), 'ic-networks-demo-'));
  // In a process of its own: under Vitest, Vite builds workers for Vitest's module runner.
  // Its mode would make it a build for tests, without the service worker.
  const { VITEST: _, NODE_ENV: __, MODE: ___, ...env } = process.env;
  const options = [
    'build',
    '--config',
    'src/demo/vite.config.ts',
    '--outDir',
    folder,
    '--emptyOutDir',
    '--logLevel',
    'warn',
  ];
  await promisify(execFile)(process.execPath, ['node_modules/vite/bin/vite.js', ...options], { env });
  const server = createServer(async (request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname;
    const inside = path.startsWith(subPath) ? path.slice(subPath.length) || 'index.html' : undefined;
    const content =
      inside && !inside.includes('..') ? await readFile(join(folder, inside)).catch(() => undefined) : undefined;
    response.statusCode = content ? 200 : 404;
    response.setHeader('content-type', types[extname(inside ?? '')] ?? 'application/octet-stream');
    response.end(content ?? 'not found');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const stop = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return {
    address: `http://localhost:${(server.address() as AddressInfo).port}${subPath}`,
    folder,
    stop,
    async close() {
      if (server.listening) await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The demo with a browser for it, and a folder for files that pages are given. */
export interface OpenDemo {
  readonly demo: ServedDemo;
  readonly browser: Browser;
  readonly folder: string;
  close(): Promise<void>;
}

/** Serves the demo and starts a browser. */
export async function openDemo(options?: LaunchOptions): Promise<OpenDemo> {
  const folder = await mkdtemp(join(tmpdir(), 'ic-networks-files-'));
  const demo = await serveDemo();
  const browser = await launchBrowser(options);
  return {
    demo,
    browser,
    folder,
    async close() {
      await browser.close();
      await demo.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
