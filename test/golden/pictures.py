"""Makes pictures/ and pictures.safetensors: small pictures of every kind, and what Pillow makes of them.

    python3 test/golden/pictures.py        (python3-pil, python3-numpy; checks itself against python3-torchvision if present)

`pixels.NAME` is the decoded picture, turned upright: Image.convert('RGB'), alpha dropped, 16 bits cut to the upper 8.
`RESIZE-CROP[.bicubic].NAME` is what torchvision's Resize(RESIZE) and CenterCrop(CROP) make of it, `grey...` of Image.convert('L').
All are uint8, [height, width, channels].
"""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FOLDER = Path(__file__).parent / 'pictures'
tensors = {}


def scene(height, width, seed):
    """Slopes, waves, hard edges and noise, so that every pixel matters."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(x / 7 + y / 11), 128 + 100 * np.cos(x / 5 - y / 9), (x * 3 + y * 2) % 256]
    values = np.stack(planes, -1) + random.normal(0, 12, (height, width, 3))
    values[height // 3 : height // 2, width // 3 : width // 2] = [255, 0, 30]
    return np.clip(values, 0, 255).astype(np.uint8)


def png16(name, values):
    """A PNG of 16 bits a channel, which Pillow does not write."""
    height, width, channels = values.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in values.reshape(height, -1))

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    header = struct.pack('>IIBBBBB', width, height, 16, colour, 0, 0, 0)
    (FOLDER / name).write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows, 9)) + chunk(b'IEND', b'')
    )


def evaluated(image, resize, crop, filter):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    longer = int(resize * long / short)
    size = (resize, longer) if width <= height else (longer, resize)
    image = image.resize(size, filter)
    top = int(round((size[1] - crop) / 2.0))
    left = int(round((size[0] - crop) / 2.0))
    return image.crop((left, top, left + crop, top + crop))


def check(image, resize, crop, filter, expected):
    try:
        from torchvision import transforms
    except ImportError:
        return
    mode = {Image.BILINEAR: transforms.InterpolationMode.BILINEAR, Image.BICUBIC: transforms.InterpolationMode.BICUBIC}
    both = transforms.Compose([transforms.Resize(resize, mode[filter]), transforms.CenterCrop(crop)])
    assert np.array_equal(np.asarray(both(image)), expected), (image, resize, crop)


def expect(name, image, sizes=((40, 33),), bicubic=False, grey=False):
    tensors[f'pixels.{name}'] = np.asarray(image)
    for resize, crop in sizes:
        kinds = [('', image, Image.BILINEAR)]
        if bicubic:
            kinds.append(('.bicubic', image, Image.BICUBIC))
        for label, source, filter in kinds:
            result = np.asarray(evaluated(source, resize, crop, filter))
            check(source, resize, crop, filter, result)
            tensors[f'{resize}-{crop}{label}.{name}'] = result
        if grey:
            result = np.asarray(evaluated(image.convert('L'), resize, crop, Image.BILINEAR))[..., None]
            tensors[f'grey.{resize}-{crop}.{name}'] = result


def save(name, image, sizes=((40, 33),), bicubic=False, grey=False, **options):
    image.save(FOLDER / name, **options)
    opened = Image.open(FOLDER / name)
    expect(name, ImageOps.exif_transpose(opened).convert('RGB'), sizes, bicubic, grey)


def save16(name, values):
    png16(name, values)
    upper = (values >> 8).astype(np.uint8)
    colours = upper[..., :1].repeat(3, -1) if upper.shape[-1] < 3 else upper[..., :3]
    if upper.shape[-1] > 1:  # Pillow clips 16-bit grey to 255 instead of cutting it.
        assert np.array_equal(np.asarray(Image.open(FOLDER / name).convert('RGB')), colours), name
    expect(name, Image.fromarray(colours))


FOLDER.mkdir(exist_ok=True)
wide, tall = scene(61, 97, 1), scene(83, 50, 2)
for sampling, label in enumerate(['444', '422', '420']):
    save(f'{label}.jpg', Image.fromarray(wide), quality=80, subsampling=sampling)
save('progressive.jpg', Image.fromarray(tall), quality=60, subsampling=2, progressive=True)
save('grey.jpg', Image.fromarray(tall).convert('L'), quality=80)
save('cmyk.jpg', Image.fromarray(wide).convert('CMYK'), quality=80)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f'orientation{orientation}.jpg', Image.fromarray(scene(24, 37, 3)), sizes=(), quality=70, exif=exif)

save('rgb.png', Image.fromarray(wide), sizes=((40, 33), (61, 61), (61, 33), (48, 47), (97, 90)), bicubic=True, grey=True)
save('tall.png', Image.fromarray(tall), sizes=((17, 16), (50, 49), (73, 64)), bicubic=True, grey=True)
save('grey.png', Image.fromarray(wide).convert('L'))
save('two-colours.png', Image.fromarray(wide).convert('1'))
save('grey-alpha.png', Image.fromarray(np.dstack([wide[..., 0], wide[..., 2]]), 'LA'))
save('alpha.png', Image.fromarray(np.dstack([tall, np.arange(50, dtype=np.uint8)[None].repeat(83, 0) * 5])))
save('palette.png', Image.fromarray(wide).quantize(37))
save('palette-alpha.png', Image.fromarray(wide).quantize(11), transparency=bytes([0, 100, 200] + [255] * 8))
exif = Image.Exif()
exif[0x0112] = 6
save('orientation6.png', Image.fromarray(scene(24, 37, 3)), sizes=(), exif=exif)
deep = np.random.default_rng(4).integers(0, 65536, (45, 52, 4)).astype(np.uint16)
for channels, label in enumerate(['grey', 'grey-alpha', 'rgb', 'alpha'], 1):
    save16(f'{label}16.png', deep[..., :channels])

# The evaluation transform at its own size, of a picture that compresses well.
y, x = np.mgrid[0:300, 0:403]
smooth = np.stack([x * 255 / 402, y * 255 / 299, 127 + 127 * np.sin(x * y / 2000)], -1).astype(np.uint8)
save('photograph.jpg', Image.fromarray(smooth), sizes=((256, 224),), quality=75)
del tensors['pixels.photograph.jpg']

header, data = {'__metadata__': {'pillow': Image.__version__}}, io.BytesIO()
for name, values in tensors.items():
    begin = data.tell()
    data.write(np.ascontiguousarray(values).tobytes())
    header[name] = {'dtype': 'U8', 'shape': list(values.shape), 'data_offsets': [begin, data.tell()]}
text = json.dumps(header, separators=(',', ':')).encode()
text += b' ' * (-len(text) % 8)
(FOLDER.parent / 'pictures.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data.getvalue())
