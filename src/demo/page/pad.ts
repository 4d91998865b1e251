import type { Point } from '../data/strokes.js';
import { drawCovering } from './pixels.js';
import { drawInk, type Picture, penWidth } from './subject.js';

/** A surface to draw on with a pointer or by keyboard, that can also show a picture. */
export interface Pad {
  /** What is on it as a network is given it; undefined while it is empty. */
  picture(): Promise<Picture | undefined>;
  clear(): void;
  /** Replaces what is drawn; points are from 0 to 1. */
  setStrokes(strokes: readonly (readonly Point[])[]): void;
  show(picture: ImageBitmap | HTMLVideoElement): void;
}

const side = 280;
const keyStep = 0.04;

/**
 * Turns a canvas into a pad.
 *
 * @param onChange - called whenever there is something else on it, or nothing any more
 */
export function createPad(canvas: HTMLCanvasElement, onChange: (empty: boolean) => void): Pad {
  const sharpness = Math.max(devicePixelRatio, 1);
  canvas.width = side * sharpness;
  canvas.height = side * sharpness;
  const context = canvas.getContext('2d')!;
  let strokes: Point[][] = [];
  let shown: ImageBitmap | undefined;
  let cursor: { x: number; y: number; down: boolean } | undefined;

  function draw(): void {
    const { width, height } = canvas;
    context.clearRect(0, 0, width, height);
    if (shown) drawCovering(context, shown, width, height);
    drawInk(context, strokes, width, getComputedStyle(canvas).color);
    if (!cursor) return;
    context.beginPath();
    context.arc(cursor.x * width, cursor.y * height, (penWidth * width) / 2 + 2, 0, 2 * Math.PI);
    context.strokeStyle = getComputedStyle(canvas).accentColor;
    context.lineWidth = cursor.down ? 6 : 2;
    context.stroke();
  }

  function changed(): void {
    draw();
    onChange(!shown && strokes.length === 0);
  }

  function forgetPicture(): void {
    shown?.close();
    shown = undefined;
  }

  const pointOf = ({ clientX, clientY }: PointerEvent): Point => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  };

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    canvas.focus();
    cursor = undefined;
    if (shown) forgetPicture();
    strokes.push([pointOf(event)]);
    changed();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) strokes.at(-1)!.push(pointOf(part));
    changed();
  });

  canvas.addEventListener('keydown', (event) => {
    const { key } = event;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const known = move !== undefined || key === ' ' || key === 'Delete' || key === 'Backspace';
    if (!known) return;
    event.preventDefault();
    if (key === 'Delete' || key === 'Backspace') return pad.clear();
    cursor ??= { x: 0.5, y: 0.5, down: false };
    if (key === ' ') {
      cursor.down = !cursor.down;
      if (cursor.down) strokes.push([[cursor.x, cursor.y]]);
    }
    if (move) {
      cursor.x = Math.min(Math.max(cursor.x + keyStep * move[0]!, 0), 1);
      cursor.y = Math.min(Math.max(cursor.y + keyStep * move[1]!, 0), 1);
      if (cursor.down) strokes.at(-1)!.push([cursor.x, cursor.y]);
    }
    changed();
  });
  canvas.addEventListener('blur', () => {
    cursor = undefined;
    draw();
  });
  addEventListener('themechange', draw);

  const pad: Pad = {
    async picture() {
      if (shown) return { bitmap: await createImageBitmap(shown), drawn: false };
      if (strokes.length === 0) return undefined;
      const surface = new OffscreenCanvas(side, side);
      const inner = surface.getContext('2d')!;
      drawInk(inner, strokes, side, 'white', penFor(strokes));
      return { bitmap: surface.transferToImageBitmap(), drawn: true };
    },
    clear() {
      strokes = [];
      cursor = undefined;
      forgetPicture();
      changed();
    },
    setStrokes(given) {
      forgetPicture();
      cursor = undefined;
      strokes = given.map((stroke) => [...stroke]);
      changed();
    },
    show(picture) {
      strokes = [];
      const surface = new OffscreenCanvas(2 * side, 2 * side);
      drawCovering(surface.getContext('2d')!, picture, 2 * side, 2 * side);
      forgetPicture();
      shown = surface.transferToImageBitmap();
      changed();
    },
  };
  return pad;
}

/** Digits are about this share of the pad; the network sees a smaller one enlarged, and its strokes with it. */
const usualSize = 0.6;
const thinnest = 0.2;

/** The width of the pen as a share of the usual one: for a small drawing a thinner one. */
function penFor(strokes: readonly (readonly Point[])[]): number {
  const points = strokes.flat();
  const extent = (axis: 0 | 1): number => {
    const places = points.map((point) => point[axis]);
    return Math.max(...places) - Math.min(...places);
  };
  const size = Math.max(extent(0), extent(1));
  // A dot stays one.
  return size === 0 ? 1 : Math.min(Math.max(size / usualSize, thinnest), 1);
}
