import { call, listen } from '../engine.js';
import { type AdjustSpread, type InsideView, type LayerMap, type ModelName, type Pixels, roles } from '../protocol.js';
import { showDiagram } from './diagram.js';
import { byId, create } from './dom.js';
import { createLayerMap, drawMap, rangeOf } from './layerMap.js';
import { fillModels } from './modelList.js';
import { layerName } from './names.js';
import { percent } from './numbers.js';
import html from './see.html?raw';
import { pictureOrDigit, subject } from './subject.js';
import { hideTrouble, showError } from './trouble.js';

/** Milliseconds between two looks into a network in training. */
const refreshEvery = 1500;
const tileSide = 112;

/** The part of the page that looks inside. */
export function setUpSee(section: HTMLElement): { show(): void } {
  section.innerHTML = html;
  const select = byId<HTMLSelectElement>('see-model');
  const status = byId('see-status');
  let view: InsideView | undefined;
  let chosen = '';
  let looking = false;
  const map = createLayerMap();

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      if (!view) status.textContent = 'Loading the network';
      await fillModels(select, subject.model);
      const picture = await pictureOrDigit();
      view = await call('lookInside', { model: select.value as ModelName, ...picture }, [picture.bitmap]);
      showView();
    } catch (error) {
      status.textContent = '';
      showError(error);
    } finally {
      looking = false;
    }
  }

  function showView(): void {
    const { layers, seen } = view!;
    if (layers.length === 0) {
      status.textContent = 'A plain network has no second term.';
    } else {
      const fires = layers.reduce((sum, { share }) => sum + share, 0) / layers.length;
      status.textContent = `It fires at ${percent(fires)} of all outputs, over ${layers.length} layers`;
    }
    if (!layers.some(({ layer }) => layer === chosen)) chosen = layers[0]?.layer ?? '';
    const places = byId('maps');
    if (places.childElementCount !== layers.length) places.replaceChildren(...layers.map(tile));
    for (const [index, layer] of layers.entries()) updateTile(places.children[index] as HTMLElement, layer, seen);
    showChosen();
  }

  function tile(): HTMLElement {
    const canvas = create('canvas', { width: tileSide, height: tileSide });
    const button = create('button', { type: 'button' }, canvas, create('span'), create('small'));
    button.addEventListener('click', () => {
      chosen = button.dataset.layer!;
      showView();
    });
    return button;
  }

  function updateTile(button: HTMLElement, layer: LayerMap, seen: Pixels): void {
    const [canvas, name, share] = button.children as unknown as [HTMLCanvasElement, HTMLElement, HTMLElement];
    button.dataset.layer = layer.layer;
    button.setAttribute('aria-pressed', String(layer.layer === chosen));
    name.textContent = layerName(layer.layer);
    share.textContent = percent(layer.share);
    drawMap(canvas, layer, seen);
  }

  function showChosen(): void {
    const layer = view?.layers.find((candidate) => candidate.layer === chosen);
    const spread = view?.spreads.find((candidate) => candidate.layer === chosen);
    section.querySelector<HTMLElement>('.see-grid')!.hidden = !layer;
    if (!layer || !spread) return;
    map.show(layer, view!.seen, select.value as ModelName);
    byId('map-name').textContent = layerName(layer.layer);
    byId('map-text').textContent =
      `${layer.filters} filters at ${layer.width} × ${layer.height} pixels; the second term fires at ${percent(layer.share)} of them. ${rangeText(layer)}`;
    showSpread(spread);
  }

  async function measure(): Promise<void> {
    hideTrouble();
    const button = byId<HTMLButtonElement>('measure');
    button.disabled = true;
    try {
      byId('diagram-status').textContent = 'Compiling';
      await fillModels(select, subject.model);
      showDiagram(byId('diagram'), byId('diagram-status'), await call('drawDiagram', select.value as ModelName));
    } catch (error) {
      byId('diagram-status').textContent = '';
      showError(error);
    } finally {
      button.disabled = false;
    }
  }

  select.append(create('option', { value: 'shipped', textContent: 'IC-ResNet-8, comes with the page' }));
  select.addEventListener('change', () => {
    subject.model = select.value as ModelName;
    view = undefined;
    look();
  });
  byId('measure').addEventListener('click', measure);
  listen('measuring', ({ done, total }) => {
    byId('diagram-status').textContent = `Timing dispatch ${done} of ${total}`;
  });
  addEventListener('themechange', () => view && showView());
  setInterval(() => {
    const live = (roles as readonly string[]).includes(select.value);
    if (live && !section.hidden && document.body.dataset.phase === 'training') look();
  }, refreshEvery);
  return { show: look };
}

function rangeText({ map }: LayerMap): string {
  const [least, most] = rangeOf(map);
  return `From pixel to pixel it is ${percent(least, 0)} (no colour) to ${percent(most, 0)} (full colour) of the filters.`;
}

function showSpread({ counts, least, most, median, mean, weights, filterElements }: AdjustSpread): void {
  const highest = Math.max(...counts, 1);
  const step = 320 / counts.length;
  const bars = counts.map((count, index) => {
    const height = (count / highest) * 104;
    return `<rect x="${index * step + 1}" y="${110 - height}" width="${step - 2}" height="${height}" rx="1.5"/>`;
  });
  byId('spread').innerHTML = bars.join('');
  byId('spread-least').textContent = least.toPrecision(2);
  byId('spread-most').textContent = most.toPrecision(2);
  byId('spread-text').textContent =
    `${weights} weights, median ${median.toPrecision(2)}, mean ${mean.toPrecision(2)}. They started at 1 / ${filterElements} = ${(1 / filterElements).toPrecision(2)}, where z is held against the mean under the window.`;
}
