"""What float64 makes of convolutions with padding of four sides, pools in ceil mode and transposed convolutions.

windows.py CASES OUTPUT: CASES holds `INDEX.x`, `INDEX.dy` and for convolutions `INDEX.w` and `INDEX.b`, and its metadata `cases`
a JSON list of what each is; OUTPUT gets `INDEX.y`, `INDEX.dx`, and for convolutions `INDEX.dw` and `INDEX.db`.
"""

import json
import sys

from torch.nn import functional as F

from shared import read_safetensors, write_safetensors


def padded(x, sides, value=0.0):
    """PyTorch pads alike on both sides; another padding is a tensor of its own."""
    top, left, bottom, right = sides
    return F.pad(x, (left, right, top, bottom), value=value)


def run(case, x, w, b):
    kind, kernel, stride = case["kind"], case["kernel"], case["stride"]
    if kind == "convolution":
        return F.conv2d(padded(x, case["padding"]), w, b, stride, 0, case["dilation"], case["groups"])
    if kind == "transposed":
        return F.conv_transpose2d(
            x, w, b, stride, case["padding"], case["outputPadding"], case["groups"], case["dilation"]
        )
    if kind == "maxPool":
        return F.max_pool2d(padded(x, case["sides"], float("-inf")), kernel, stride, case["padding"], 1, case["ceilMode"])
    return F.avg_pool2d(padded(x, case["sides"]), kernel, stride, case["padding"], case["ceilMode"], case["countPadding"])


tensors, metadata = read_safetensors(sys.argv[1])
results = {}
for i, case in enumerate(json.loads(metadata["cases"])):
    own = {name: tensors[f"{i}.{name}"].double().requires_grad_() for name in "xwb" if f"{i}.{name}" in tensors}
    y = run(case, own["x"], own.get("w"), own.get("b"))
    y.backward(tensors[f"{i}.dy"].double())
    results[f"{i}.y"] = y
    for name, tensor in own.items():
        results[f"{i}.d{name}"] = tensor.grad
write_safetensors(sys.argv[2], results)
