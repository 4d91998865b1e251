import type { Page } from 'playwright-core';

/**
 * Reads every WebGPU canvas back when it has been drawn on, ahead of the end of the task that lends its texture. What the tests'
 * Chromium then shows of it is nothing.
 */
const spy = `{
  const { configure, getCurrentTexture } = GPUCanvasContext.prototype;
  const { submit } = GPUQueue.prototype;
  let device, texture;
  GPUCanvasContext.prototype.configure = function (options) {
    device = options.device;
    configure.call(this, { ...options, usage: options.usage | GPUTextureUsage.COPY_SRC });
  };
  GPUCanvasContext.prototype.getCurrentTexture = function () {
    texture = getCurrentTexture.call(this);
    return texture;
  };
  GPUQueue.prototype.submit = function (commands) {
    submit.call(this, commands);
    if (!texture) return;
    const { width, height } = texture;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const buffer = device.createBuffer({ size: width * height * 4, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: width * 4 }, [width, height]);
    submit.call(this, [encoder.finish()]);
    texture = undefined;
    buffer.mapAsync(GPUMapMode.READ).then(() => {
      const pixels = new Uint8Array(buffer.getMappedRange()).slice();
      new BroadcastChannel('canvas').postMessage({ width, pixels });
    });
  };
}`;

/** The last picture that arrived, and how many did. */
interface Arrived {
  readonly width: number;
  readonly pixels: Uint8Array;
  readonly count: number;
}

declare global {
  var drawnCanvas: Arrived | undefined;
}

/** Has the canvases of a page and of its workers read back, from before its scripts run; their width a multiple of 64 pixels. */
export async function watchCanvas(page: Page, worker = 'no worker'): Promise<void> {
  await page.addInitScript(() => {
    new BroadcastChannel('canvas').onmessage = ({ data }) => {
      globalThis.drawnCanvas = { ...data, count: (globalThis.drawnCanvas?.count ?? 0) + 1 };
    };
  });
  await page.addInitScript(spy);
  await page.route(`**/${worker}`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: spy + (await response.text()) });
  });
}

/** Colour and alpha of a pixel of what was drawn in a frame, counted from 1. */
export async function canvasPixels(page: Page, frame: number): Promise<(x: number, y: number) => number[]> {
  await page.waitForFunction((wanted) => globalThis.drawnCanvas?.count === wanted, frame);
  const { width, pixels } = await page.evaluate(() => {
    const { width, pixels } = globalThis.drawnCanvas!;
    return { width, pixels: [...pixels] };
  });
  return (x, y) => pixels.slice((y * width + x) * 4, (y * width + x + 1) * 4);
}
