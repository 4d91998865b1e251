/*
 * Pictures out of files, whatever the browser draws.
 */

/** Of the shorter side that is kept: more than any network here takes. */
const side = 1024;

/** What every browser draws. */
const muchPixels = 16e6;

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
  const address = URL.createObjectURL(file);
  try {
    // An element, as it alone draws SVG.
    const image = new Image();
    image.src = address;
    await image.decode().catch(async () => {
      throw new Error(await reasonOf(file, image));
    });
    const { width, height } = sizeOf(image);
    const options = { resizeWidth: width, resizeHeight: height, resizeQuality: 'high' } as const;
    return await createImageBitmap(image, options).catch(async () => {
      throw new Error(await reasonOf(file, image));
    });
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** As large as it is drawn; an SVG may have no size of its own. */
function sizeOf({ naturalWidth, naturalHeight }: HTMLImageElement): { width: number; height: number } {
  const [across, down] = [naturalWidth || side, naturalHeight || side];
  const scale = Math.min(1, side / Math.min(across, down));
  return { width: Math.max(1, Math.round(across * scale)), height: Math.max(1, Math.round(down * scale)) };
}

async function reasonOf(file: File, { naturalWidth, naturalHeight }: HTMLImageElement): Promise<string> {
  const kind = formatOf(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  if (kind === 'HEIC') {
    return `${file.name} is a HEIC picture, which this browser does not draw. Save it as a JPEG, which Photos and Preview do under Export, and drop that.`;
  }
  if (kind === 'TIFF') {
    return `${file.name} is a TIFF picture, which this browser does not draw. Save it as a PNG or JPEG and drop that.`;
  }
  if (naturalWidth * naturalHeight > muchPixels) {
    return `${file.name} has ${naturalWidth} × ${naturalHeight} pixels, more than this browser can draw here. Make it smaller and drop it again.`;
  }
  return `${file.name} is no picture that this browser draws; it may be damaged.`;
}

/** Of the formats that not every browser draws, by a file's first 16 bytes. */
export function formatOf(head: Uint8Array): 'HEIC' | 'TIFF' | undefined {
  const text = String.fromCharCode(...head);
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return 'TIFF';
  return /^ftyp(hei|hev|mif1|msf1)/.test(text.slice(4)) ? 'HEIC' : undefined;
}
