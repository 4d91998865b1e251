/** The browser that tests of pages start. */
export interface BrowserUnderTest {
  /** Of its program. */
  readonly path: string;
  /** Further words for it, from the same variable, and what a browser needs to start by itself with WebGPU. */
  readonly words: readonly string[];
  readonly isFirefox: boolean;
  /** Firefox on Linux has WebGPU behind a preference. */
  readonly preferences: Readonly<Record<string, boolean>>;
}

/**
 * What the environment's ICNET_TEST_BROWSER names.
 *
 * @throws Error where it names none
 */
export function browserUnderTest(): BrowserUnderTest {
  const [path, ...words] = (process.env.ICNET_TEST_BROWSER ?? '').split(' ').filter(Boolean);
  if (!path) throw new Error('ICNET_TEST_BROWSER: expected the path of a browser, got nothing');
  const isFirefox = path.includes('firefox');
  const chromium = [
    ...['--headless=new', '--no-sandbox', '--no-first-run', '--disable-dev-shm-usage'],
    ...['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--use-angle=vulkan', '--ignore-gpu-blocklist'],
  ];
  return {
    path,
    words: [...(isFirefox ? ['--headless'] : chromium), ...words],
    isFirefox,
    preferences: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true },
  };
}
