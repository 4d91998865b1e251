"""What PyTorch makes of uniform values in layers that are loaded, and of their gradients: prints them in float64, NHWC."""

import json

import torch
import torch.nn.functional as F

from shared import uniform

INPUT = (2, 6, 5, 4)  # batch, channels, height, width


def shuffle(x, groups):
    batch, channels, height, width = x.shape
    return x.view(batch, groups, channels // groups, height, width).transpose(1, 2).reshape(x.shape)


def larger(factor, **options):
    return lambda x: F.interpolate(x, scale_factor=factor, **options)


LAYERS = {
    "nearest": larger((2, 3), mode="nearest"),
    "areas": larger((2, 3), mode="bilinear", align_corners=False),
    "areas by four": larger((4, 1), mode="bilinear", align_corners=False),
    "points": larger((3, 2), mode="bilinear", align_corners=True),
    "response": lambda x: F.local_response_norm(x, 3, alpha=0.5, beta=0.75, k=2.0),
    "even response": lambda x: F.local_response_norm(x, 4, alpha=2.0, beta=0.5, k=1.0),
    "wide response": lambda x: F.local_response_norm(x, 13, alpha=1e-4, beta=0.75, k=1.0),
    "shuffle": lambda x: shuffle(x, 3),
    "slice": lambda x: x[:, 1:5],
    "gate": lambda x: x * x.mean((2, 3), keepdim=True),
}


def nhwc(tensor):
    return tensor.detach().permute(0, 2, 3, 1).reshape(-1).tolist()


results = {}
for name, layer in LAYERS.items():
    x = uniform(INPUT, 1).double().requires_grad_()
    y = layer(x)
    # The gradient of the output, by its place in NHWC.
    batch, channels, height, width = y.shape
    dy = uniform((batch, height, width, channels), 2).double().permute(0, 3, 1, 2)
    y.backward(dy)
    results[name] = {"y": nhwc(y), "dx": nhwc(x.grad)}
print(json.dumps(results))
