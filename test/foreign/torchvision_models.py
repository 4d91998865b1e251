"""Exports torchvision's models with weights by chance, as ONNX files into a folder.

    python3 test/foreign/torchvision_models.py FOLDER OPSET NAME...
"""

import sys
import warnings

import torch
import torchvision

warnings.filterwarnings('ignore')

# The smallest images that a model's last windows fit.
SIZES = {'alexnet': 224, 'vgg11': 224, 'inception_v3': 107, 'googlenet': 64}


def randomised(model, seed):
    """Norms whose statistics are not those of a new one, so that they do something."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
    return model.eval()


class Head(torch.nn.Module):
    """The output `out` of a segmentation."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)['out']


def make(name):
    torch.manual_seed(1)
    if hasattr(torchvision.models, name):
        options = {'init_weights': True} if name in ('googlenet', 'inception_v3') else {}
        return getattr(torchvision.models, name)(weights=None, **options)
    return Head(getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None))


folder, opset, *names = sys.argv[1:]
for name in names:
    size = SIZES.get(name, 64)
    model = randomised(make(name), 2)
    path = f'{folder}/{name}.{opset}.onnx'
    # The exporter splits channels in its oldest versions only where all sizes are fixed.
    fixed = name.startswith('shufflenet') and int(opset) < 11
    torch.onnx.export(
        model,
        torch.zeros(1, 3, size, size),
        path,
        opset_version=int(opset),
        input_names=['images'],
        output_names=['output'],
        dynamic_axes=None if fixed else {'images': {0: 'batch'}, 'output': {0: 'batch'}},
    )
    print(path, flush=True)
