import { call } from '../engine.js';
import type { LayerMap, ModelName, Pixels, UnitView } from '../protocol.js';
import { byId, create } from './dom.js';
import { percent } from './numbers.js';
import { canvasOf } from './pixels.js';
import { pictureOrDigit } from './subject.js';
import { showError } from './trouble.js';

/** The large map of a layer: of all filters or one, with the numbers at a spot. */
export interface LayerMapView {
  show(layer: LayerMap, seen: Pixels, model: ModelName): void;
}

const largeSide = 640;
/** Brighter than the page's accent, as it lies on dark pictures. */
const fireColour = [255, 122, 51] as const;

export function createLayerMap(): LayerMapView {
  const canvas = byId<HTMLCanvasElement>('map-large');
  const filters = byId<HTMLSelectElement>('map-filter');
  const smooth = byId<HTMLInputElement>('map-smooth');
  const hint = byId('pixel').textContent!;
  Object.assign(canvas, { width: largeSide, height: largeSide });
  let shown: { readonly layer: LayerMap; readonly seen: Pixels; readonly model: ModelName } | undefined;
  let unit: UnitView | undefined;
  let asking = false;
  let spot: { row: number; column: number } | undefined;

  function draw(): void {
    if (!shown) return;
    const { layer, seen } = shown;
    const one = filters.value !== '' && unit ? marginsOf(unit, Number(filters.value)) : undefined;
    const map = one ?? layer.map;
    const range = rangeOf(map);
    drawMap(canvas, { ...layer, map }, seen, smooth.checked);
    byId('legend-least').textContent = one ? '0' : `${percent(range[0], 0)} of the filters`;
    byId('legend-most').textContent = one
      ? `z − a S${unit && hasOffset(unit) ? ' + o' : ''} = ${number(range[1])}`
      : percent(range[1], 0);
    if (spot) drawSpot(canvas, layer, spot);
    byId('pixel').textContent = spot && unit ? arithmetic(unit, Number(filters.value || 0), spot) : hint;
  }

  /** The layer's numbers, asked for when somebody wants them. */
  async function need(): Promise<void> {
    if (unit || asking || !shown) return draw();
    asking = true;
    const { layer, model } = shown;
    try {
      const picture = await pictureOrDigit();
      const found = await call('lookAtUnit', { model, layer: layer.layer, ...picture }, [picture.bitmap]);
      // Another layer may have been chosen meanwhile.
      if (shown.layer.layer === layer.layer && shown.model === model) unit = found;
    } catch (error) {
      showError(error);
    } finally {
      asking = false;
    }
    draw();
  }

  function moveTo(row: number, column: number): void {
    if (!shown) return;
    const within = (value: number, size: number): number => Math.min(Math.max(value, 0), size - 1);
    spot = { row: within(row, shown.layer.height), column: within(column, shown.layer.width) };
    need();
  }

  canvas.addEventListener('pointermove', ({ clientX, clientY }) => {
    if (!shown) return;
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const down = Math.floor(((clientY - top) / height) * shown.layer.height);
    moveTo(down, Math.floor(((clientX - left) / width) * shown.layer.width));
  });
  canvas.addEventListener('keydown', (event) => {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move || !shown) return;
    event.preventDefault();
    const from = spot ?? { row: shown.layer.height >> 1, column: shown.layer.width >> 1 };
    moveTo(from.row + move[0]!, from.column + move[1]!);
  });
  filters.addEventListener('change', need);
  smooth.addEventListener('change', draw);

  return {
    show(layer, seen, model) {
      const same = shown?.layer.layer === layer.layer && shown.model === model;
      shown = { layer, seen, model };
      // Of the picture before.
      unit = undefined;
      if (!same) {
        spot = undefined;
        const options = Array.from({ length: layer.filters }, (_, index) =>
          create('option', { value: `${index}`, textContent: `${index + 1} of ${layer.filters}` }),
        );
        filters.replaceChildren(create('option', { value: '', textContent: 'all of them' }), ...options);
      }
      if (spot || filters.value !== '') need();
      else draw();
    },
  };
}

/** The least and the most of a map. */
export function rangeOf(map: Float32Array): [least: number, most: number] {
  return [map.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY), map.reduce((a, b) => Math.max(a, b), 0)];
}

/** z, S, a and o of a filter at a spot, and how far z outweighs a S. */
function termsAt({ z: answers, sums, adjust, offset, filters, groups }: UnitView, pixel: number, filter: number) {
  const group = Math.floor((filter * groups) / filters);
  const [z, sum, a, o] = [
    answers[pixel * filters + filter]!,
    sums[pixel * groups + group]!,
    adjust[filter]!,
    offset[filter]!,
  ];
  return { z, sum, a, o, second: z - (a * sum - o) };
}

/** How far z outweighs a S, spot by spot; 0 where it does not. */
function marginsOf(unit: UnitView, filter: number): Float32Array {
  return new Float32Array(unit.height * unit.width).map((_, pixel) => {
    return Math.max(0, termsAt(unit, pixel, filter).second);
  });
}

function arithmetic(unit: UnitView, filter: number, { row, column }: { row: number; column: number }): string {
  const { z, sum, a, o, second } = termsAt(unit, row * unit.width + column, filter);
  const product = `${number(a, 3)} × ${number(sum)}`;
  const place = `Filter ${filter + 1}, row ${row + 1}, column ${column + 1}`;
  const threshold = hasOffset(unit)
    ? `a S − o = ${product} − ${bracketed(o)} = ${number(a * sum - o)}`
    : `a S = ${product} = ${number(a * sum)}`;
  const head = `${place}: z = ${number(z)}, ${threshold}.`;
  return second > 0
    ? `${head} z outweighs it by ${number(second)}, so y = ${number(z)} + ${number(second)} = ${number(z + second)}.`
    : `${head} z does not outweigh it, so y = z.`;
}

/** Whether a unit's second term has a number of its own. */
function hasOffset({ offset }: UnitView): boolean {
  return offset.some((value) => value !== 0);
}

function bracketed(value: number): string {
  return value < 0 ? `(${number(value)})` : number(value);
}

function number(value: number, digits = 2): string {
  return value.toFixed(digits).replace('-', '−');
}

/** The picture, and over it a layer's map from its least to its most. */
export function drawMap(
  canvas: HTMLCanvasElement,
  { height, width, map }: Pick<LayerMap, 'height' | 'width' | 'map'>,
  seen: Pixels,
  smooth = false,
): void {
  const context = canvas.getContext('2d')!;
  const shades = new ImageData(width, height);
  const [least, most] = rangeOf(map);
  for (const [index, share] of map.entries()) {
    shades.data.set([...fireColour, 225 * ((share - least) / (most - least || 1))], 4 * index);
  }
  context.imageSmoothingEnabled = false;
  context.drawImage(canvasOf(new ImageData(dimmed(seen), seen.width, seen.height)), 0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(canvasOf(shades), 0, 0, canvas.width, canvas.height);
}

function drawSpot(
  canvas: HTMLCanvasElement,
  { height, width }: LayerMap,
  { row, column }: { row: number; column: number },
): void {
  const context = canvas.getContext('2d')!;
  const [across, down] = [canvas.width / width, canvas.height / height];
  for (const [lineWidth, colour] of [
    [7, 'black'],
    [3, 'white'],
  ] as const) {
    Object.assign(context, { lineWidth, strokeStyle: colour });
    context.strokeRect(column * across, row * down, across, down);
  }
}

/** In grey and darker, so that the colour over it is seen. */
function dimmed({ pixels }: Pixels): Uint8ClampedArray<ArrayBuffer> {
  return pixels.map((_, index) => {
    const first = index - (index % 4);
    const grey = 0.3 * pixels[first]! + 0.59 * pixels[first + 1]! + 0.11 * pixels[first + 2]!;
    return index % 4 === 3 ? 255 : 18 + 0.62 * grey;
  });
}
