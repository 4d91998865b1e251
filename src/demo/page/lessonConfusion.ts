import type { LessonResult } from '../protocol.js';
import { create } from './dom.js';

type Answers = LessonResult['answers'];

/** How many of each class were taken for each. */
export function confusionOf(classes: number, answers: Answers): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { label, answer } of answers) counts[label]![answer]!++;
  return counts;
}

/** A table of what pictures are by what they were taken for; a cell opens its pictures. */
export function showConfusion(
  table: HTMLElement,
  pictures: HTMLElement,
  names: readonly string[],
  answers: Answers,
  thumbnail: (index: number) => HTMLCanvasElement,
): void {
  const counts = confusionOf(names.length, answers);
  const head = create(
    'tr',
    {},
    create('td'),
    ...names.map((name) => create('th', { scope: 'col', textContent: name })),
  );
  const rows = names.map((name, label) =>
    create(
      'tr',
      {},
      create('th', { scope: 'row', textContent: name }),
      ...counts[label]!.map((count, answer) => {
        const button = create('button', {
          type: 'button',
          textContent: `${count}`,
          disabled: count === 0,
          className: label === answer ? 'right' : 'wrong',
          ariaLabel: `${count} of ${name} taken for ${names[answer]}`,
        });
        button.addEventListener('click', () => {
          const own = answers.filter((one) => one.label === label && one.answer === answer);
          const text = `${name}, taken for ${names[answer]}:`;
          pictures.replaceChildren(
            create('p', { className: 'small' }, text),
            ...own.map(({ index }) => copyOf(thumbnail(index))),
          );
        });
        return create('td', {}, button);
      }),
    ),
  );
  table.replaceChildren(create('thead', {}, head), create('tbody', {}, ...rows));
  pictures.replaceChildren();
}

/** The thumbnail itself stays with its class. */
function copyOf(canvas: HTMLCanvasElement): HTMLCanvasElement {
  const copy = create('canvas', { width: canvas.width, height: canvas.height });
  copy.getContext('2d')!.drawImage(canvas, 0, 0);
  return copy;
}
