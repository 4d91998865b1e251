import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { installChromium } from './chromium.js';

export interface LaunchOptions {
  /** SwiftShader computes for WebGPU; without, the page finds no `navigator.gpu`. Default true. */
  readonly webgpu?: boolean;
  /** Canvases take what WebGPU draws, which needs a Vulkan display of SwiftShader's and is slower to start. Default false. */
  readonly canvases?: boolean;
  /** Pages are given a camera that films a moving pattern. Default false. */
  readonly camera?: boolean;
  /**
   * Video frames become external textures: on that display the browser, too, draws through Dawn. A canvas that kernels write
   * to ends the GPU process then. Default false.
   */
  readonly videoFrames?: boolean;
}

const fakeCamera = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

const vulkan = [
  '--enable-features=Vulkan,DefaultANGLEVulkan,VulkanFromANGLE',
  '--use-angle=vulkan',
  '--use-vulkan=swiftshader',
  '--ignore-gpu-blocklist',
];

/** A name of this machine that is no secure context, so that pages find no `navigator.gpu` under it. */
export const insecureHost = 'insecure.test';

/**
 * Starts headless Chromium with WebGPU on SwiftShader, with a GPU process of its own.
 *
 * The caller closes it. On loading, a page is slow on a busy machine: give tests a generous timeout.
 */
export async function launchBrowser({
  webgpu = true,
  canvases = false,
  camera = false,
  videoFrames = false,
}: LaunchOptions = {}): Promise<Browser> {
  const { executable, environment } = await installChromium();
  const display = canvases || videoFrames ? vulkan : [];
  const graphics = webgpu
    ? [
        ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', ...display],
        ...(videoFrames ? ['--enable-skia-graphite'] : []),
      ]
    : ['--disable-gpu', `--host-resolver-rules=MAP ${insecureHost} 127.0.0.1`];
  return chromium.launch({
    executablePath: executable,
    env: { ...process.env, ...environment },
    chromiumSandbox: false,
    args: ['--no-zygote', '--disable-dev-shm-usage', ...graphics, ...(camera ? fakeCamera : [])],
  });
}

/** A page whose complaints are collected. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors on the console and exceptions that nobody caught, in the page and its workers. */
  readonly complaints: string[];
}

/** Opens a page in a fresh context. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  const page = await context.newPage();
  // While a GPU process on the processor compiles kernels, pages wait for their frames.
  page.setDefaultTimeout(300_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  return { page, complaints };
}

/** Ends Chromium's GPU process, as a driver's crash does; every WebGPU device of the browser is lost. */
export async function crashGpuProcess(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess');
  await session.detach();
}
