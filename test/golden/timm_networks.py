"""Makes timm.json: what timm's ResNets are called inside, and what two of them compute.

Run with PyTorch and timm: python3 test/golden/timm_networks.py

`states` lists the state of each network, name and shape of every entry. `runs` holds networks of 5 classes on small images, in
inference and float64, from the formula-made values that families.py describes; the images are uniform(count, 99), NCHW.
"""

import json
import math
import os

import numpy
import timm
import torch

from uniform import uniform

CLASSES = 5


def fill(name, shape, values):
    values = values.astype(numpy.float64)
    kind = name.rsplit('.', 1)[1]
    if kind in ('running_mean', 'bias'):
        return 0.1 * values
    if kind == 'running_var' or len(shape) == 1:
        return 1 + 0.5 * values
    return values * math.sqrt(3 / math.prod(shape[1:]))


def run(name, input_shape):
    net = timm.create_model(name, num_classes=CLASSES).double().eval()
    state = net.state_dict()
    for j, (key, tensor) in enumerate(state.items()):
        if key.endswith('num_batches_tracked'):
            continue
        values = fill(key, tensor.shape, uniform(tensor.numel(), j + 1))
        tensor.copy_(torch.from_numpy(values.astype(numpy.float32).reshape(tensor.shape)))
    x = torch.from_numpy(uniform(math.prod(input_shape), 99).reshape(input_shape)).double()
    with torch.no_grad():
        return {'input': input_shape, 'logits': net(x).flatten().tolist()}


states = {}
for name in ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152', 'resnet18d', 'resnet34d', 'resnet50d', 'resnet101d',
             'seresnet50']:
    state = timm.create_model(name).state_dict()
    states[name] = [f'{key} {"x".join(map(str, value.shape))}'.strip() for key, value in state.items()]

runs = {'resnet18d': run('resnet18d', [2, 3, 64, 32]), 'resnet50d': run('resnet50d', [1, 3, 32, 64]),
        'seresnet50': run('seresnet50', [1, 3, 32, 64])}
with open(os.path.join(os.path.dirname(__file__), 'timm.json'), 'w') as file:
    json.dump({'timm': timm.__version__, 'torch': torch.__version__, 'runs': runs, 'states': states}, file,
              separators=(',', ':'))
    file.write('\n')
