"""What the PyTorch scripts share: the module of docs/pytorch.md, safetensors files, and formula-made values."""

import json
import re
import struct
import types
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
DTYPES = {"F64": torch.float64, "F32": torch.float32, "I64": torch.int64}


def documented_module():
    """The first block of Python in docs/pytorch.md, as a module."""
    page = (ROOT / "docs/pytorch.md").read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL).group(1)
    module = types.ModuleType("ic_networks")
    exec(compile(code, "docs/pytorch.md", "exec"), module.__dict__)
    return module


def read_safetensors(path):
    """The tensors of a file, and its metadata."""
    data = bytearray(Path(path).read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(bytes(data[8 : 8 + length]))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
        # A copy, because the bytes in the file need not be aligned.
        own = bytearray(data[8 + length + begin : 8 + length + end])
        tensors[name] = torch.frombuffer(own, dtype=dtype).reshape(shape) if own else torch.empty(shape, dtype=dtype)
    return tensors, metadata


def write_safetensors(path, tensors):
    """Writes tensors as float64."""
    header, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        part = tensor.detach().double().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [end, end + len(part)]}
        parts.append(part)
        end += len(part)
    text = json.dumps(header).encode()
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def uniform(shape, seed):
    """float32 in [-1, 1) by formula: mix32(i + seed * 0x9E3779B9) / 2^31 - 1."""
    mask = 0xFFFFFFFF
    x = (torch.arange(torch.Size(shape).numel(), dtype=torch.int64) + seed * 0x9E3779B9) & mask
    x ^= x >> 16
    # Products wrap at 2^64, which leaves their lower half right.
    x = (x * 0x7FEB352D) & mask
    x ^= x >> 15
    x = (x * 0x846CA68B) & mask
    x ^= x >> 16
    return (x.double() / 2**31 - 1).float().reshape(shape)


def fill_by_formula(network, names):
    """Gives a network the weights of the golden files; entry number j of `names` is made of uniform(count, j + 1)."""
    state = network.state_dict()
    assert sorted(state) == sorted(names)
    for j, name in enumerate(names):
        layer, _, kind = name.rpartition(".")
        if kind == "num_batches_tracked":
            continue
        u = uniform(state[name].shape, j + 1).to(state[name].dtype)
        if kind == "adjust":
            u = u * 2 / state[f"{layer}.weight"][0].numel()
        elif kind in ("bias", "running_mean"):
            u = 0.1 * u
        elif kind == "running_var":
            behind_ic = re.sub(r"bn(\d+)$", r"conv\1", layer) + ".adjust" in state
            u = (6 if behind_ic else 1) * (1 + 0.5 * u)
        elif u.dim() == 1:
            u = 1 + 0.5 * u
        else:
            u = u * (3 / u[0].numel()) ** 0.5
        # As the package holds it.
        state[name].copy_(u.float())


def labels_of(batch, classes):
    return 7 * torch.arange(batch) % classes
