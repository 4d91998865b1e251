/** Pixels as a canvas, to be drawn at any size. */
export function canvasOf(image: ImageData): OffscreenCanvas {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  return canvas;
}

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;
type Drawable = ImageBitmap | HTMLVideoElement;

/** Draws the middle square of a picture over everything. */
export function drawCovering(context: Context, picture: Drawable, width: number, height: number): void {
  const video = picture instanceof HTMLVideoElement;
  const [pictureWidth, pictureHeight] = video
    ? [picture.videoWidth, picture.videoHeight]
    : [picture.width, picture.height];
  const edge = Math.min(pictureWidth, pictureHeight);
  const [left, top] = [(pictureWidth - edge) / 2, (pictureHeight - edge) / 2];
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, left, top, edge, edge, 0, 0, width, height);
}

/** The middle square of a picture on paper of a colour, [side, side, 3]. */
export function squarePixels(picture: Drawable, side: number, paper = 'white'): Uint8Array {
  const context = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true })!;
  drawOnPaper(context, picture, side, paper);
  const { data } = context.getImageData(0, 0, side, side);
  return Uint8Array.from({ length: side * side * 3 }, (_, index) => data[Math.floor(index / 3) * 4 + (index % 3)]!);
}

const thumbnailSide = 96;

/** The same as a small picture to show. */
export function thumbnailOf(picture: Drawable, paper = 'white'): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: thumbnailSide, height: thumbnailSide });
  drawOnPaper(canvas.getContext('2d')!, picture, thumbnailSide, paper);
  return canvas;
}

function drawOnPaper(context: Context, picture: Drawable, side: number, paper: string): void {
  context.fillStyle = paper;
  context.fillRect(0, 0, side, side);
  drawCovering(context, picture, side, side);
}
