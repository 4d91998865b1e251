"""Makes families.json: what torchvision's networks are and compute.

Run with Debian's python3-torchvision: python3 test/golden/families.py

`states` lists the state of each published network, name and shape of every entry. `runs` holds small networks of every
family, plain and IC, computed in float64 from the formula-made values that load.ts describes (parameter j of the run's list
is made of uniform(count, j + 1)): the logits of inference, and of one training step its logits, its mean cross entropy and
for every parameter the sum of gradient * uniform(count, 1000 + j), which no wrong element passes by.
"""

import json
import math
import os
import re

import numpy
import torch
import torchvision
from torch import nn
from torchvision import models

from uniform import uniform

CLASSES = 5


class ICConvolution(nn.Conv2d):
    """y = z + relu(z - adjust * S), S the sum of a group's input under the window."""

    def __init__(self, plain):
        super().__init__(plain.in_channels, plain.out_channels, plain.kernel_size, plain.stride, plain.padding,
                         groups=plain.groups, bias=plain.bias is not None)
        self.adjust = nn.Parameter(torch.zeros(plain.out_channels))

    def forward(self, x):
        z = super().forward(x)
        n, c, h, w = x.shape
        sums = x.reshape(n, self.groups, c // self.groups, h, w).sum(2)
        ones = torch.ones(self.groups, 1, *self.kernel_size, dtype=x.dtype)
        sums = nn.functional.conv2d(sums, ones, None, self.stride, self.padding, groups=self.groups)
        sums = sums.repeat_interleave(self.out_channels // self.groups, 1)
        return z + torch.relu(z - self.adjust[:, None, None] * sums)


def to_ic(module, is_block, prefix=''):
    for name, child in module.named_children():
        path = prefix + name
        if isinstance(child, nn.Conv2d):
            if is_block(path):
                setattr(module, name, ICConvolution(child))
        else:
            to_ic(child, is_block, path + '.')


def state_names(net):
    """The state's entries with adjust right behind the weight it belongs to."""
    names = list(net.state_dict())
    for name in [name for name in names if name.endswith('.adjust')]:
        names.remove(name)
        names.insert(names.index(name[:-len('adjust')] + 'weight') + 1, name)
    return names


def fill(name, shape, values, weight_shape, names):
    layer, kind = name.rsplit('.', 1)
    values = values.astype(numpy.float64)
    if kind == 'adjust':
        return values * 2 / math.prod(weight_shape[1:])
    if kind in ('running_mean', 'bias'):
        return 0.1 * values
    if kind == 'running_var':
        behind_ic = re.sub(r'bn(\d+)$', r'conv\1', layer) + '.adjust' in names
        return (6 if behind_ic else 1) * (1 + 0.5 * values)
    if len(shape) == 1:
        return 1 + 0.5 * values
    return values * math.sqrt(3 / math.prod(shape[1:]))


def run(net, input_shape):
    net = net.double()
    state = net.state_dict()
    names = state_names(net)
    seeds = {}
    for j, name in enumerate(names):
        if name.endswith('num_batches_tracked'):
            continue
        shape = list(state[name].shape)
        weight = state.get(name.rsplit('.', 1)[0] + '.weight')
        values = fill(name, shape, uniform(math.prod(shape), j + 1), list(weight.shape), names)
        # float32, as the file that the values stand for would hold.
        state[name].copy_(torch.from_numpy(values.astype(numpy.float32).reshape(shape)))
        seeds[name] = 1000 + j
    x = torch.from_numpy(uniform(math.prod(input_shape), 99).reshape(input_shape)).double()
    labels = torch.tensor([7 * i % CLASSES for i in range(input_shape[0])])
    net.eval()
    with torch.no_grad():
        logits = net(x)
    net.train()
    trained = net(x)
    loss = nn.functional.cross_entropy(trained, labels)
    loss.backward()
    sums = {}
    for name, parameter in net.named_parameters():
        factors = torch.from_numpy(uniform(parameter.numel(), seeds[name])).double().reshape(parameter.shape)
        sums[name] = (parameter.grad * factors).sum().item()
    return {
        'input': input_shape,
        'parameters': names,
        'logits': logits.flatten().tolist(),
        'trainLogits': trained.detach().flatten().tolist(),
        'loss': loss.item(),
        'gradientSums': {name: sums[name] for name in names if name in sums},
    }


def small_vgg():
    plan = [8, 'M', 16, 'M', 32, 'M', 64, 'M', 64, 64, 'M']
    net = models.VGG(models.vgg.make_layers(plan, batch_norm=True))
    net.avgpool = nn.Identity()
    net.classifier = nn.Sequential(nn.Linear(64 * 2 * 1, 24), nn.ReLU(), nn.Identity(), nn.Linear(24, 24), nn.ReLU(),
                                   nn.Identity(), nn.Linear(24, CLASSES))
    return net


def small_resnext():
    return models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=CLASSES, groups=4, width_per_group=8)


def small_mobilenet():
    net = models.MobileNetV2(num_classes=CLASSES, width_mult=0.25)
    net.classifier[0] = nn.Identity()
    return net


def small_densenet():
    return models.DenseNet(growth_rate=8, block_config=(2, 3, 2), num_init_features=12, num_classes=CLASSES)


small = {
    'vgg': (small_vgg, [3, 3, 64, 32], lambda name: name.startswith('features.') and name != 'features.0'),
    'resnext': (small_resnext, [2, 3, 40, 48], lambda name: name.startswith('layer') and 'downsample' not in name),
    'mobilenet': (small_mobilenet, [3, 3, 64, 48], lambda name: '.conv.' in name),
    'densenet': (small_densenet, [3, 3, 40, 33], lambda name: 'denseblock' in name),
}
published = ['vgg16', 'vgg16_bn', 'resnext50_32x4d', 'wide_resnet50_2', 'mobilenet_v2', 'densenet121']

runs = {}
for family, (make, input_shape, is_block) in small.items():
    runs[family] = run(make(), input_shape)
    ic = make()
    to_ic(ic, is_block)
    runs['ic-' + family] = run(ic, input_shape)

states = {}
for name in published:
    state = getattr(models, name)(weights=None).state_dict()
    states[name] = [f'{key} {"x".join(map(str, value.shape))}'.strip() for key, value in state.items()]

with open(os.path.join(os.path.dirname(__file__), 'families.json'), 'w') as file:
    json.dump({'torch': torch.__version__, 'torchvision': torchvision.__version__, 'runs': runs, 'states': states}, file,
              separators=(',', ':'))
    file.write('\n')
