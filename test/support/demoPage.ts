import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Role } from '../../src/demo/protocol.js';

/* What tests of the demo do with its page. */

/** Of an idle machine with two cores: four of one that is four times as slow. */
export const minutes = 4 * 60_000;

/** What axe-core finds wrong with the page as it is. */
export async function violations(page: Page): Promise<string[]> {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const found = (await axe.run()).violations;
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(', ')}`);
  });
}

/** Holds the page as it is to axe-core, in light and in dark. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await violations(page), `${state}, ${colorScheme}`).toEqual([]);
  }
}

/** Waits for something; fails at once where the page says that something is wrong. */
export async function until(page: Page, what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 2 * minutes;
  while (!(await holds())) {
    const trouble = await page.locator('#trouble').textContent();
    if (trouble) throw new Error(`${what}: the page says "${trouble}"`);
    if (performance.now() > end) throw new Error(`${what}: not in time; ${await statusOf(page)}`);
    await page.waitForTimeout(100);
  }
}

/** Waits until an element's text is `wanted`, or matches it. */
export async function untilText(page: Page, selector: string, wanted: RegExp | string): Promise<void> {
  await until(page, `${selector} says ${wanted}`, async () => {
    const text = (await page.textContent(selector))!;
    return typeof wanted === 'string' ? text === wanted : wanted.test(text);
  });
}

/** What the page says is wrong, once it does. */
export async function troubleText(page: Page): Promise<string> {
  await page.waitForSelector('#trouble:not([hidden])');
  return (await page.textContent('#trouble'))!;
}

export function phaseOf(page: Page): Promise<string> {
  return page.evaluate(() => document.body.dataset.phase ?? 'idle');
}

/** Waits until the page says that training is in a phase. */
export async function untilPhase(page: Page, wanted: string): Promise<void> {
  await until(page, `training is in phase ${wanted}`, async () => (await phaseOf(page)) === wanted);
}

export async function statusOf(page: Page): Promise<string> {
  return (await page.textContent('#training-status')) ?? '';
}

/** The step that both networks have done. */
export async function stepOf(page: Page): Promise<number> {
  return Number(/[Ss]tep ([\d,]+)/.exec(await statusOf(page))?.[1]?.replaceAll(',', '') ?? Number.NaN);
}

export async function lossOf(page: Page, role: Role): Promise<number> {
  return Number.parseFloat((await page.locator(`#loss-${role}`).textContent())!);
}

/** One race of an IC and a plain network, on clear handwriting. */
export async function chooseSmallTraining(page: Page, steps: number): Promise<void> {
  await openSettings(page);
  await page.selectOption('[name=data]', 'drawn');
  await page.fill('[name=seeds]', '1');
  await page.uncheck('[name=deeper]');
  await page.selectOption('[name=width]', '4');
  await page.selectOption('[name=batch]', '16');
  await page.fill('[name=steps]', `${steps}`);
}

/** Shows the single settings of a training. */
export async function openSettings(page: Page): Promise<void> {
  await page.locator('#all-settings').evaluate((details: HTMLDetailsElement) => {
    details.open = true;
  });
}

/** Drops files and folders of this machine on the page, as a visitor does: dragged over it first. */
export async function drop(page: Page, ...files: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 200, y: 300, data });
  }
  await session.detach();
}

export function focusedId(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement!.id);
}
