import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { text } from 'node:stream/consumers';

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wgsl': 'text/plain',
};

/** A web server of a folder. */
export interface FolderServer {
  /** Ends in a slash. */
  readonly address: string;
  close(): void;
}

/** Serves the files of a folder on localhost, which is a secure context, with `headers` on each; what is posted goes to `onPost`. */
export async function serveFolder(
  folder: string,
  headers: Readonly<Record<string, string>> = {},
  onPost: (body: string) => void = () => {},
): Promise<FolderServer> {
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      onPost(await text(request));
      response.writeHead(204).end();
      return;
    }
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://localhost').pathname));
    try {
      const body = await readFile(join(folder, path));
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream', ...headers });
      response.end(body);
    } catch {
      // A browser asks for an icon unasked; its absence is no error of the page.
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return { address: `http://localhost:${port}/`, close: () => server.close() };
}
