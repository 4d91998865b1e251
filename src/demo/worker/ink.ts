/** A picture of one channel: 0 black to 1 white, by rows. */
export interface GreyPicture {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** MNIST's digits fill 20 of 28 pixels, their centre of mass in the middle. */
const boxShare = 20 / 28;
/** Ink fainter than this share of the strongest is paper. */
const threshold = 0.35;

/** Brightness of RGBA pixels; what is transparent is black. */
export function greyOf(pixels: Uint8ClampedArray, width: number, height: number): GreyPicture {
  const values = Float32Array.from({ length: width * height }, (_, index) => {
    const [red, green, blue, alpha] = pixels.subarray(4 * index, 4 * index + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    return ((0.299 * red + 0.587 * green + 0.114 * blue) * alpha) / 255 / 255;
  });
  return { width, height, values };
}

/** The ink of a photograph: how far a pixel is from the paper, which most of the picture's rim shows. */
export function inkOfPhotograph(picture: GreyPicture): GreyPicture {
  const paper = median(rim(picture));
  const away = picture.values.map((value) => Math.abs(value - paper));
  const most = away.reduce((a, b) => Math.max(a, b), 0) || 1;
  const values = away.map((value) => Math.min(Math.max((value / most - threshold) / (1 - threshold), 0) * 1.5, 1));
  return { ...picture, values };
}

/**
 * Ink as MNIST has it: white on black, as large as its digits, the centre of mass in the middle.
 *
 * @returns pixel values 0 to 255, [height, width]; all 0 where there is no ink
 */
export function digitOfInk(ink: GreyPicture, height: number, width: number): Uint8Array {
  const result = new Uint8Array(height * width);
  const box = boxOf(ink);
  if (!box) return result;
  const scale = (Math.min(height, width) * boxShare) / Math.max(box.right - box.left, box.bottom - box.top);
  const [centreX, centreY] = [box.x, box.y];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const left = centreX + (x - width / 2) / scale;
      const top = centreY + (y - height / 2) / scale;
      result[y * width + x] = Math.round(255 * Math.min(meanInk(ink, left, top, 1 / scale), 1));
    }
  }
  return result;
}

/** The box around all ink, right and bottom outside, and the ink's centre of mass. */
function boxOf({
  width,
  height,
  values,
}: GreyPicture): { left: number; top: number; right: number; bottom: number; x: number; y: number } | undefined {
  let [left, top, right, bottom, mass, x, y] = [width, height, 0, 0, 0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const ink = values[row * width + column]!;
      if (ink < 0.05) continue;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row + 1);
      mass += ink;
      x += ink * (column + 0.5);
      y += ink * (row + 0.5);
    }
  }
  return mass > 0 ? { left, top, right, bottom, x: x / mass, y: y / mass } : undefined;
}

/** Mean over a square of the picture, which is black outside. */
function meanInk({ width, height, values }: GreyPicture, left: number, top: number, size: number): number {
  const samples = Math.max(1, Math.min(Math.ceil(size), 16));
  let sum = 0;
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < samples; j++) {
      const x = Math.floor(left + (size * (j + 0.5)) / samples);
      const y = Math.floor(top + (size * (i + 0.5)) / samples);
      if (x >= 0 && x < width && y >= 0 && y < height) sum += values[y * width + x]!;
    }
  }
  return sum / samples ** 2;
}

function rim({ width, height, values }: GreyPicture): number[] {
  const found: number[] = [];
  for (let x = 0; x < width; x++) found.push(values[x]!, values[(height - 1) * width + x]!);
  for (let y = 0; y < height; y++) found.push(values[y * width]!, values[y * width + width - 1]!);
  return found;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
