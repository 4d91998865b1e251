/*
 * Pictures out of files, whatever the browser draws.
 */

/** Of the shorter side that is kept: more than any network here takes. */
const side = 1024;

const pictureNames = /\.(png|apng|jpe?g|webp|gif|bmp|ico|avif|svg|heic|heif|tiff?|jxl)$/i;

/** Whether a file says that it is a picture. */
export function isPictureFile({ name, type }: { readonly name: string; readonly type: string }): boolean {
  return type.startsWith('image/') || pictureNames.test(name);
}

/**
 * A picture out of a file, made smaller where it is large.
 *
 * @throws Error that says in a sentence what the file is and what to do
 */
export async function readPicture(file: File): Promise<ImageBitmap> {
  try {
    const drawn = isSvg(file) ? await elementOf(file) : await createImageBitmap(file);
    return onPaper(drawn);
  } catch {
    throw new Error(await reasonOf(file));
  }
}

function isSvg({ name, type }: File): boolean {
  return type === 'image/svg+xml' || /\.svg$/i.test(name);
}

/** Elements alone draw SVG. */
async function elementOf(file: File): Promise<HTMLImageElement> {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([file], { type: 'image/svg+xml' }));
  try {
    await new Promise((done, fail) => {
      image.onload = done;
      image.onerror = fail;
      image.src = address;
    });
    return image;
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Drawn on white, which pictures with transparent parts are meant for. */
function onPaper(drawn: HTMLImageElement | ImageBitmap): ImageBitmap {
  const { width, height } = sizeOf(drawn);
  const surface = new OffscreenCanvas(width, height);
  const context = surface.getContext('2d')!;
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(drawn, 0, 0, width, height);
  if (drawn instanceof ImageBitmap) drawn.close();
  return surface.transferToImageBitmap();
}

/** As large as it is kept; an SVG may have no size of its own. */
function sizeOf(drawn: HTMLImageElement | ImageBitmap): { width: number; height: number } {
  const [across, down] = [drawn.width || side, drawn.height || side];
  const scale = Math.min(1, side / Math.min(across, down));
  return { width: Math.max(1, Math.round(across * scale)), height: Math.max(1, Math.round(down * scale)) };
}

async function reasonOf(file: File): Promise<string> {
  const kind = formatOf(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  if (kind === 'HEIC') {
    return `${file.name} is a HEIC picture, which this browser does not draw. Save it as a JPEG, which Photos and Preview do under Export, and drop that.`;
  }
  if (kind === 'TIFF') {
    return `${file.name} is a TIFF picture, which this browser does not draw. Save it as a PNG or JPEG and drop that.`;
  }
  return `${file.name} is no picture that this browser draws: it may be damaged, or larger than the browser takes.`;
}

/** Of the formats that not every browser draws, by a file's first 16 bytes. */
export function formatOf(head: Uint8Array): 'HEIC' | 'TIFF' | undefined {
  const text = String.fromCharCode(...head);
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return 'TIFF';
  return /^ftyp(hei|hev|mif1|msf1)/.test(text.slice(4)) ? 'HEIC' : undefined;
}
