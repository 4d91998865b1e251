import type { Box, Diagram } from '../protocol.js';
import { create } from './dom.js';
import { displayName } from './names.js';
import { scaled } from './numbers.js';

/** Draws a network from top to bottom; shortcuts run beside it. */
export function showDiagram(place: HTMLElement, status: HTMLElement, diagram: Diagram): void {
  const { boxes, input, by } = diagram;
  const total = boxes.reduce((sum, box) => sum + timeOf(box), 0);
  const slowest = Math.max(...boxes.map(timeOf));
  const dispatches = boxes.reduce((sum, box) => sum + box.dispatches.length, 0);
  const watch = by === 'timestamps' ? 'by timestamps' : 'by the clock, as this GPU has no timestamps';
  status.textContent = `${displayName(diagram.network)}: ${dispatches} dispatches, ${milliseconds(total)} a picture, ${watch}`;
  const items = boxes.map((box) => boxElement(box, slowest));
  const list = create('ol', {}, create('li', { className: 'box-input' }, `picture, ${input.join(' × ')}`), ...items);
  place.replaceChildren(list);
  drawShortcuts(place, boxes, items);
}

function timeOf({ dispatches }: Box): number {
  return dispatches.reduce((sum, dispatch) => sum + dispatch.milliseconds, 0);
}

function boxElement(box: Box, slowest: number): HTMLElement {
  const { name, kind, shape, parameters, multiplyAdds, dispatches } = box;
  const bar = create('i');
  bar.style.transform = `scaleX(${timeOf(box) / slowest})`;
  const facts = [shape.join(' × '), ...(multiplyAdds > 0 ? [`${scaled(multiplyAdds)} multiply-adds`] : [])];
  if (parameters > 0) facts.push(`${scaled(parameters)} weights`);
  return create(
    'li',
    { className: kind.includes('IC ') ? 'box ic' : 'box' },
    create(
      'div',
      { className: 'box-text' },
      create('b', {}, name),
      create('span', {}, kind),
      create('small', {}, facts.join(' · ')),
    ),
    create(
      'div',
      { className: 'box-time' },
      create('b', {}, milliseconds(timeOf(box))),
      create('span', { className: 'bar-track' }, bar),
      ...dispatches.map((dispatch) => create('small', {}, `${dispatch.kernel} ${milliseconds(dispatch.milliseconds)}`)),
    ),
  );
}

function milliseconds(value: number): string {
  return value >= 0.1 ? `${value.toPrecision(3)} ms` : `${Math.round(value * 1000)} µs`;
}

/** Arcs at the left from where a shortcut starts to where it is added. */
function drawShortcuts(place: HTMLElement, boxes: readonly Box[], items: readonly HTMLElement[]): void {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const draw = (): void => {
    const top = place.getBoundingClientRect().top;
    const middle = (name: string): number => {
      const index = boxes.findIndex((box) => box.name === name);
      const { top: own, height } = (items[index] ?? place.querySelector('.box-input')!).getBoundingClientRect();
      return own - top + height / 2;
    };
    const arcs = boxes.flatMap(({ name, input, residual }, index) => {
      const before = boxes[index - 1]?.name ?? 'input';
      const sources = [
        ...(residual !== undefined && residual !== before ? [residual] : []),
        ...(input !== before ? [input] : []),
      ];
      return sources.map((source) => {
        const [from, to] = [middle(source) + 6, middle(name) - 6];
        return `<path d="M 36 ${from} C 4 ${from + 14}, 4 ${to - 14}, 36 ${to}"/>`;
      });
    });
    svg.innerHTML = arcs.join('');
  };
  place.prepend(svg);
  draw();
  new ResizeObserver(draw).observe(place);
}
