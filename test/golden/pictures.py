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


def png(name, values, ahead=(), behind=()):
    """A PNG of 8 or 16 bits a channel, which Pillow does not write, with chunks ahead of and behind the pixels."""
    height, width, channels = values.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b''.join(b'\0' + row.astype(values.dtype.newbyteorder('>')).tobytes() for row in values.reshape(height, -1))

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    header = struct.pack('>IIBBBBB', width, height, 8 * values.itemsize, colour, 0, 0, 0)
    chunks = [(b'IHDR', header), *ahead, (b'IDAT', zlib.compress(rows, 9)), *behind, (b'IEND', b'')]
    (FOLDER / name).write_bytes(b'\x89PNG\r\n\x1a\n' + b''.join(chunk(*each) for each in chunks))


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


def expect_turned(name, orientation=None):
    """A file as Pillow turns it; given an orientation, as later versions of Pillow turn it that this one does not know of."""
    opened = Image.open(FOLDER / name)
    image = ImageOps.exif_transpose(opened)
    if orientation:
        turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}[orientation]
        image = opened.transpose(turn)
    expect(name, image.convert('RGB'), sizes=())


def exif_of(orientation, order='<', kind='H'):
    """EXIF with one entry."""
    value = struct.pack(order + kind, orientation).ljust(4, b'\0')
    start = {'<': b'II*\0', '>': b'MM\0*'}[order] + struct.pack(order + 'IH', 8, 1)
    return start + struct.pack(order + 'HHI', 0x0112, {'H': 3, 'I': 4}[kind], 1) + value + bytes(4)


def segment(data):
    return b'\xff\xe1' + struct.pack('>H', 2 + len(data)) + data


def save16(name, values):
    png(name, values)
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
small = scene(24, 37, 3)
save('orientation6.png', Image.fromarray(small), sizes=(), exif=exif)
save('orientation6.webp', Image.fromarray(small), sizes=(), exif=exif, lossless=True)

# Wherever else which side is up may stand.
attribute = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
element = b'<x:xmpmeta><tiff:Orientation>%d</tiff:Orientation></x:xmpmeta>'
xmp = b'XML:com.adobe.xmp\0'
digits = exif_of(7).hex().encode()
raw = b'\nexif\n%8d\n' % (len(digits) // 2) + digits[:40] + b'\n' + digits[40:]
for name, ahead, behind in [
    ('late8', [], [(b'eXIf', exif_of(8))]),
    ('exif4-long', [(b'eXIf', exif_of(4, '>', 'I'))], []),
    ('xmp5', [(b'iTXt', xmp + b'\0\0\0\0' + attribute % 5)], []),
    ('xmp3-packed', [(b'iTXt', xmp + b'\1\0en\0XMP\0' + zlib.compress(element % 3))], []),
    ('xmp8-late', [], [(b'iTXt', xmp + b'\0\0\0\0' + element % 8)]),
    ('raw7', [(b'zTXt', b'Raw profile type exif\0\0' + zlib.compress(raw))], []),
    ('exif1-xmp6', [(b'eXIf', exif_of(1)), (b'iTXt', xmp + b'\0\0\0\0' + attribute % 6)], []),
    ('exif2-exif6', [(b'eXIf', exif_of(2))], [(b'eXIf', exif_of(6))]),
    ('exif9', [(b'eXIf', exif_of(9))], []),
]:
    png(f'{name}.png', small, ahead, behind)
    expect_turned(f'{name}.png')
plain = io.BytesIO()
Image.fromarray(small).save(plain, 'jpeg', quality=70)
start, rest = plain.getvalue()[:20], plain.getvalue()[20:]
(FOLDER / 'exif5.jpg').write_bytes(start + segment(b'Exif\0\0' + exif_of(5, '>')) + rest)
expect_turned('exif5.jpg')
(FOLDER / 'xmp6.jpg').write_bytes(start + segment(b'http://ns.adobe.com/xap/1.0/\0' + attribute % 6) + rest)
expect_turned('xmp6.jpg', 6)
save('xmp8.webp', Image.fromarray(small), sizes=(), xmp=element % 8, lossless=True)
expect_turned('xmp8.webp', 8)

# Bytes that belong to nothing, ahead of a segment and ahead of a scan.
(FOLDER / 'stray.jpg').write_bytes(start + bytes([1, 2, 3, 255, 0]) + segment(b'Exif\0\0' + exif_of(3)) + b'stray' + rest)
expect_turned('stray.jpg')
progressive = (FOLDER / 'progressive.jpg').read_bytes()
scan = progressive.rindex(b'\xff\xda')
(FOLDER / 'stray-scan.jpg').write_bytes(progressive[:scan] + bytes([1, 2, 3, 4]) + progressive[scan:])
expect_turned('stray-scan.jpg')

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
