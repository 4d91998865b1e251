import { type Role, roles, type TestResult } from '../protocol.js';
import type { RaceSettings } from './presets.js';

/** What an address says of a race: settings, and results where there are some. */
export interface SharedRace {
  readonly settings: Partial<RaceSettings>;
  readonly tests: readonly TestResult[];
}

const numbers = ['depth', 'width', 'stemStride', 'batch', 'steps', 'learningRate', 'seeds'] as const;
const words = ['data', 'adjust', 'optimiser'] as const;
const flags = ['offset', 'deeper', 'distillation', 'half'] as const;
/** Errors are written in hundredths of a percent. */
const unit = 10_000;
const mostSeeds = 100;

/** The query of an address that holds settings and results. */
export function queryOf(settings: RaceSettings, tests: readonly TestResult[]): string {
  const query = new URLSearchParams();
  for (const name of [...words, ...numbers, ...flags]) query.set(name, `${settings[name]}`);
  const [first] = tests;
  if (first) {
    query.set('images', `${first.images}`);
    query.set('firstSeed', `${Math.min(...tests.map(({ seed }) => seed))}`);
  }
  for (const role of roles) {
    const own = tests.filter((test) => test.role === role).sort((a, b) => a.seed - b.seed);
    if (own.length > 0) query.set(role, own.map(({ error }) => Math.round(error * unit)).join('.'));
  }
  return `?${query}`;
}

/** What a query says; undefined where it says nothing of a race. What makes no sense is left out. */
export function readQuery(search: string): SharedRace | undefined {
  const query = new URLSearchParams(search);
  const given = (name: string): string | undefined => query.get(name) ?? undefined;
  const settings: Record<string, unknown> = {};
  for (const name of numbers) if (Number.isFinite(Number(given(name) ?? 'none'))) settings[name] = Number(given(name));
  for (const name of words) if (given(name)) settings[name] = given(name);
  for (const name of flags) if (given(name)) settings[name] = given(name) === 'true';
  if (Object.keys(settings).length === 0) return undefined;
  const [images, firstSeed] = [whole(given('images')), whole(given('firstSeed'))];
  const tests = images && firstSeed ? roles.flatMap((role) => readTests(role, given(role), images, firstSeed)) : [];
  return { settings, tests };
}

function readTests(role: Role, text: string | undefined, images: number, firstSeed: number): TestResult[] {
  const errors = (text?.split('.') ?? []).slice(0, mostSeeds).map((part) => Number(part || 'none') / unit);
  if (!errors.every((error) => error >= 0 && error <= 1)) return [];
  return errors.map((error, index) => ({ role, seed: firstSeed + index, error, images }));
}

function whole(text: string | undefined): number | undefined {
  const value = Number(text ?? 'none');
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
