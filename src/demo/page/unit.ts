import '../style/unit.css';
import { call } from '../engine.js';
import type { UnitView } from '../protocol.js';
import { byId, create, onceAFrame } from './dom.js';
import { canvasOf } from './pixels.js';
import type { Picture } from './subject.js';
import html from './unit.html?raw';

/** The figure that takes one IC convolution apart. */
export interface UnitFigure {
  /** Shows what the unit makes of a picture, whose bitmap it takes. */
  show(picture: Picture): Promise<void>;
}

const side = 560;
/** Brighter than the page's accent, as it lies on dark pictures. */
const fireColour = [255, 122, 51] as const;
const coolColour = [96, 165, 250] as const;

export function setUpUnit(section: HTMLElement): UnitFigure {
  section.innerHTML = html;
  const canvas = byId<HTMLCanvasElement>('unit-window');
  const slider = byId<HTMLInputElement>('unit-a');
  Object.assign(canvas, { width: side, height: side });
  let view: UnitView | undefined;
  let filter = 0;
  let place: { row: number; column: number } | undefined;
  /** Whether the visitor has put the window somewhere; until then it stands where most is to be seen. */
  let moved = false;
  let buttons: HTMLButtonElement[] = [];

  const draw = onceAFrame(() => {
    if (!view || !place) return;
    const a = Number(slider.value);
    drawPicture(canvas, view, filter, a, place);
    showNumbers(view, filter, a, place);
    drawFilter(byId('unit-w'), view, filter, (weight) => weight);
    drawFilter(byId('unit-2w'), view, filter, (weight) => 2 * weight - a);
  });

  const setOwn = (): void => {
    slider.value = `${view!.adjust[filter]!}`;
    draw();
  };

  function choose(index: number): void {
    filter = index;
    for (const [other, button] of buttons.entries()) button.setAttribute('aria-pressed', String(other === index));
    setOwn();
  }

  function makeButtons(): void {
    buttons = Array.from({ length: view!.filters }, (_, index) => {
      const tile = create('canvas', { ariaHidden: 'true' });
      drawFilter(tile, view!, index, (weight) => weight);
      const button = create('button', { type: 'button', ariaLabel: `Filter ${index + 1}` }, tile);
      button.addEventListener('click', () => choose(index));
      return button;
    });
    byId('unit-filters').replaceChildren(...buttons);
  }

  function moveTo(row: number, column: number): void {
    if (!view) return;
    const within = (value: number, size: number): number => Math.min(Math.max(value, 0), size - 1);
    place = { row: within(row, view.height), column: within(column, view.width) };
    moved = true;
    draw();
  }

  const follow = (event: PointerEvent): void => {
    if (!view) return;
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const down = (event.clientY - top) / height;
    const right = (event.clientX - left) / width;
    moveTo(Math.floor(down * view.height), Math.floor(right * view.width));
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) follow(event);
  });
  canvas.addEventListener('keydown', (event) => {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move || !place) return;
    event.preventDefault();
    moveTo(place.row + move[0]!, place.column + move[1]!);
  });
  slider.addEventListener('input', draw);
  byId('unit-own').addEventListener('click', setOwn);
  addEventListener('themechange', draw);

  return {
    async show(picture) {
      view = await call('lookAtUnit', { model: 'shipped', ...picture }, [picture.bitmap]);
      if (!moved) place = strongest(view, filter);
      if (buttons.length === 0) {
        makeButtons();
        choose(filter);
      }
      draw();
    },
  };
}

/** Where the second term adds most: something to see. */
function strongest(view: UnitView, filter: number): { row: number; column: number } {
  const { sums, adjust, width } = view;
  const margins = sums.map((_, pixel) => excessAt(view, filter, adjust[filter]!, pixel));
  const pixel = margins.indexOf(Math.max(...margins));
  return { row: Math.floor(pixel / width), column: pixel % width };
}

/** How far z is above a S, or a S less the unit's offset: z - a S + o. */
function excessAt({ z, sums, offset, filters }: UnitView, filter: number, a: number, pixel: number): number {
  return z[pixel * filters + filter]! - a * sums[pixel]! + offset[filter]!;
}

/** The picture, lit where the second term fires, and the window over it. */
function drawPicture(
  canvas: HTMLCanvasElement,
  view: UnitView,
  filter: number,
  a: number,
  { row, column }: { row: number; column: number },
): void {
  const { seen, height, width, kernel, sums } = view;
  const context = canvas.getContext('2d')!;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvasOf(new ImageData(seen.pixels, seen.width, seen.height)), 0, 0, side, side);
  const margins = sums.map((_, pixel) => Math.max(0, excessAt(view, filter, a, pixel)));
  const most = Math.max(...margins) || 1;
  const shades = new ImageData(width, height);
  for (const [pixel, margin] of margins.entries()) {
    shades.data.set([...fireColour, margin > 0 ? 60 + 150 * (margin / most) : 0], 4 * pixel);
  }
  context.drawImage(canvasOf(shades), 0, 0, side, side);
  const [across, down] = [side / width, side / height];
  const [left, top] = [(column - (kernel - 1) / 2) * across, (row - (kernel - 1) / 2) * down];
  context.lineWidth = 8;
  context.strokeStyle = 'black';
  context.strokeRect(left, top, kernel * across, kernel * down);
  context.lineWidth = 4;
  context.strokeStyle = 'white';
  context.strokeRect(left, top, kernel * across, kernel * down);
}

function showNumbers(
  view: UnitView,
  filter: number,
  a: number,
  { row, column }: { row: number; column: number },
): void {
  const { z: answers, sums, width, filters } = view;
  const pixel = row * width + column;
  const [z, sum] = [answers[pixel * filters + filter]!, sums[pixel]!];
  const second = Math.max(0, excessAt(view, filter, a, pixel));
  // What a bar of full length stands for: the most that there is in the picture.
  const reach = answers.reduce((most, answer, index) => {
    if (index % filters !== filter) return most;
    const own = Math.abs(answer) + Math.max(0, excessAt(view, filter, a, Math.floor(index / filters)));
    return Math.max(most, own);
  }, 1e-6);
  const sumReach = Math.max(...sums);
  const number = (value: number): string => value.toFixed(2).replace('-', '−');
  const show = (id: string, value: number, most: number): void => {
    byId(`unit-${id}`).textContent = number(value);
    const bar = byId(`unit-${id}`).parentElement!.querySelector('i')!;
    bar.style.setProperty('--value', `${Math.max(-1, Math.min(1, value / most))}`);
  };
  show('z', z, reach);
  show('s', sum, sumReach);
  show('as', a * sum, reach);
  show('second', second, reach);
  show('y', z, reach);
  byId('unit-y').textContent = number(z + second);
  const more = document.querySelector<HTMLElement>('.unit-bars .more')!;
  more.style.setProperty('--from', `${z / reach}`);
  more.style.setProperty('--value', `${second / reach}`);
  byId('unit-a-value').textContent = `a = ${a.toFixed(3).replace('-', '−')}`;
  byId('unit').dataset.side = second > 0 ? 'second' : 'plain';
}

/** The channels of a filter as tiles: warm where a weight is positive, cool where it is negative. */
function drawFilter(
  canvas: HTMLCanvasElement | HTMLElement,
  { weights, channels, kernel }: UnitView,
  filter: number,
  of: (weight: number) => number,
): void {
  const columns = Math.ceil(Math.sqrt(channels * 2));
  const rows = Math.ceil(channels / columns);
  const pitch = kernel + 1;
  const target = canvas as HTMLCanvasElement;
  Object.assign(target, { width: columns * pitch - 1, height: rows * pitch - 1 });
  const own = weights.subarray(filter * channels * kernel ** 2, (filter + 1) * channels * kernel ** 2);
  const values = own.map(of);
  const most = Math.max(...values.map(Math.abs)) || 1;
  const image = new ImageData(target.width, target.height);
  for (const [index, value] of values.entries()) {
    const channel = Math.floor(index / kernel ** 2);
    const x = (channel % columns) * pitch + (index % kernel);
    const y = Math.floor(channel / columns) * pitch + (Math.floor(index / kernel) % kernel);
    const share = Math.abs(value) / most;
    const colour = value > 0 ? fireColour : coolColour;
    image.data.set([...colour.map((part) => 24 + (part - 24) * share), 255], 4 * (y * target.width + x));
  }
  target.getContext('2d')!.putImageData(image, 0, 0);
}
