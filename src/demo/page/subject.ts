import { digitStrokes } from '../data/digits.js';
import type { ModelName } from '../protocol.js';

/** A picture to look at, as a network is given it. */
export interface Picture {
  readonly bitmap: ImageBitmap;
  /** White ink on black; otherwise a photograph. */
  readonly drawn: boolean;
}

/** What is being looked at, shared by the parts of the page: the picture on the pad and the chosen network. */
interface Subject {
  model: ModelName;
  picture(): Promise<Picture | undefined>;
}

const side = 280;

export const subject: Subject = {
  model: 'shipped',
  picture: async () => undefined,
};

/** The picture on the pad; a digit where there is none. */
export async function pictureOrDigit(digit = 8): Promise<Picture> {
  const given = await subject.picture();
  if (given) return given;
  const surface = new OffscreenCanvas(side, side);
  drawInk(surface.getContext('2d')!, digitStrokes(digit, 2), side, 'white');
  return { bitmap: surface.transferToImageBitmap(), drawn: true };
}

/** Of the pen, in shares of the side. */
export const penWidth = 0.078;

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Draws strokes, whose points are from 0 to 1, with a round pen; `pen` is a share of its usual width. */
export function drawInk(
  context: Context,
  strokes: readonly (readonly (readonly [number, number])[])[],
  size: number,
  colour: string,
  pen = 1,
): void {
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.lineWidth = pen * penWidth * size;
  context.strokeStyle = colour;
  for (const stroke of strokes) {
    context.beginPath();
    const [first, ...rest] = stroke;
    context.moveTo(first![0] * size, first![1] * size);
    // A dot is a line of no length, which a round cap makes visible.
    for (const [x, y] of rest.length > 0 ? rest : [first!]) context.lineTo(x * size, y * size);
    context.stroke();
  }
}
