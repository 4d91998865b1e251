import { type Role, roles } from '../protocol.js';
import { create } from './dom.js';
import { percent } from './numbers.js';
import {
  type Comparison,
  comparisons,
  errorsBySeed,
  isShown,
  nameOf,
  points,
  type RaceResult,
  wordsOf,
} from './raceResult.js';

/** Shows the difference as a number with its spread, every race as a dot, and all errors in a table. */
export function showVerdict(place: HTMLElement, result: RaceResult, source: string): void {
  const found = comparisons(result.tests);
  const [main] = found;
  if (!main) {
    place.replaceChildren(
      create('p', { className: 'small source' }, source),
      create('p', { className: 'verdict-words' }, 'The difference is shown when the first race is over.'),
    );
    return;
  }
  const reach = reachOf(found);
  place.replaceChildren(
    create('p', { className: 'small source' }, source),
    create(
      'p',
      { className: isShown(main) ? 'verdict-number' : 'verdict-number unsure' },
      create('b', {}, points(main.estimate.mean)),
      ' points of test error, IC less plain',
    ),
    ...found.map((comparison, index) =>
      create('p', { className: index === 0 ? 'verdict-words' : 'small' }, wordsOf(result, comparison)),
    ),
    create(
      'div',
      { className: 'strips' },
      ...found.map((comparison) => strip(comparison, reach, nameOf(result, comparison.role))),
      axis(reach, nameOf(result, 'plain')),
    ),
    table(result),
  );
}

/** The largest difference that is drawn, in shares: whole points, and even ones where there are many. */
export function reachOf(found: readonly Comparison[]): number {
  const bounds = found.flatMap(({ differences, estimate: { low, high } }) => [...differences, low, high]);
  const most = Math.max(0.01, ...bounds.filter(Number.isFinite).map(Math.abs));
  return Math.ceil(most * 100) / 100;
}

/** Every race as a dot, the interval as a bar, the mean as a mark. */
function strip({ role, differences, estimate }: Comparison, reach: number, name: string): HTMLElement {
  const at = (share: number): string => `${50 + (50 * Math.max(-reach, Math.min(share, reach))) / reach}%`;
  const mark = (className: string, share: number): HTMLElement => {
    const element = create('i', { className });
    element.style.left = at(share);
    return element;
  };
  const marks = differences.map((share) => mark('dot', share));
  if (differences.length > 1) {
    const range = mark('range', estimate.low);
    range.style.right = `calc(100% - ${at(estimate.high)})`;
    marks.push(range, mark('mean', estimate.mean));
  }
  const label = `${name} less plain, by race: ${differences.map(points).join(', ')} points`;
  return create(
    'div',
    { className: `strip ${role}` },
    create('span', { className: 'small' }, name),
    create('div', { className: 'track', role: 'img', ariaLabel: label }, mark('zero', 0), ...marks),
  );
}

function axis(reach: number, plain: string): HTMLElement {
  return create(
    'p',
    { className: 'small strip-axis' },
    create('span', {}, `${points(-reach)} fewer errors`),
    create('span', {}, plain),
    create('span', {}, `more errors ${points(reach)}`),
  );
}

function table(result: RaceResult): HTMLElement {
  const racing = roles.filter((role) => result.networks.some((network) => network.role === role));
  const cells = (seed: number, errors: Readonly<Partial<Record<Role, number>>>): HTMLElement =>
    create(
      'tr',
      {},
      create('th', { scope: 'row' }, `${seed}`),
      ...racing.map((role) => create('td', {}, percent(errors[role], 2))),
    );
  return create(
    'details',
    { className: 'races' },
    create('summary', {}, 'Every race'),
    create(
      'div',
      { className: 'table', tabIndex: 0, role: 'group', ariaLabel: 'Test errors' },
      create(
        'table',
        {},
        create(
          'thead',
          {},
          create(
            'tr',
            {},
            create('th', { scope: 'col' }, 'Seed'),
            ...racing.map((role) => create('th', { scope: 'col' }, nameOf(result, role))),
          ),
        ),
        create('tbody', {}, ...errorsBySeed(result.tests).map(({ seed, errors }) => cells(seed, errors))),
      ),
    ),
  );
}
