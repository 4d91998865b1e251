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
import types

import numpy
import torch
import torchvision
from torch import nn
from torchvision import models, ops
from torchvision.models.googlenet import BasicConv2d, Inception

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


def small_senet():
    net = models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=CLASSES)
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        block = stage[0]
        channels = block.conv3.out_channels
        # timm's names: the state has it ahead of the shortcut's convolution.
        shortcut = block.downsample
        del block.downsample
        block.se = ops.SqueezeExcitation(channels, channels // 16)
        block.downsample = shortcut
        block.forward = types.MethodType(recalibrated_bottleneck, block)
    return net


def recalibrated_bottleneck(self, x):
    y = self.relu(self.bn1(self.conv1(x)))
    y = self.relu(self.bn2(self.conv2(y)))
    return self.relu(self.se(self.bn3(self.conv3(y))) + self.downsample(x))


def small_mobilenet_v3():
    config = models.mobilenetv3.InvertedResidualConfig
    net = models.MobileNetV3([
        config(16, 3, 16, 16, True, 'RE', 1, 1, 1),
        config(16, 3, 40, 24, False, 'RE', 2, 1, 1),
        config(24, 5, 72, 24, True, 'HS', 1, 1, 1),
        config(24, 5, 48, 32, True, 'HS', 2, 1, 1),
    ], 40, num_classes=CLASSES)
    net.classifier[2] = nn.Identity()
    return net


def small_efficientnet():
    config = models.efficientnet.MBConvConfig
    return models.EfficientNet([
        config(1, 3, 1, 8, 8, 1, 1, 1),
        config(6, 3, 2, 8, 16, 2, 1, 1),
        config(4, 5, 2, 16, 24, 2, 1, 1),
    ], dropout=0, stochastic_depth_prob=0, num_classes=CLASSES)


def small_mnasnet():
    return models.MNASNet(0.25, num_classes=CLASSES, dropout=0)


def small_shufflenet():
    return models.ShuffleNetV2([2, 3, 1], [24, 16, 32, 48, 40], num_classes=CLASSES)


def small_regnet(se_ratio, group_width):
    params = models.regnet.BlockParams([1, 2, 1], [16, 24, 40], [group_width] * 3, [1, 1, 1], [2, 2, 2], se_ratio)
    return models.RegNet(params, num_classes=CLASSES)


def small_squeezenet():
    net = models.SqueezeNet('1_1', num_classes=CLASSES, dropout=0)
    fire = models.squeezenet.Fire
    net.features = nn.Sequential(
        nn.Conv2d(3, 12, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
        fire(12, 4, 16, 16), fire(32, 6, 24, 24), nn.MaxPool2d(3, 2, ceil_mode=True), fire(48, 8, 32, 32),
    )
    net.classifier[1] = nn.Conv2d(64, CLASSES, 1)
    return net


def small_googlenet():
    net = models.GoogLeNet(CLASSES, aux_logits=False, init_weights=False, dropout=0)
    net.conv1, net.conv2 = BasicConv2d(3, 8, kernel_size=7, stride=2, padding=3), BasicConv2d(8, 8, kernel_size=1)
    net.conv3 = BasicConv2d(8, 12, kernel_size=3, padding=1)
    net.inception3a, net.inception3b = Inception(12, 6, 4, 8, 2, 4, 4), Inception(22, 8, 6, 8, 4, 8, 4)
    net.inception4a, net.inception4b = Inception(28, 8, 4, 8, 4, 6, 6), nn.Identity()
    net.inception4c, net.inception4d, net.inception4e = nn.Identity(), nn.Identity(), nn.Identity()
    net.inception5a, net.inception5b = Inception(28, 8, 6, 12, 4, 8, 4), nn.Identity()
    net.fc = nn.Linear(32, CLASSES)
    return net


small = {
    'vgg': (small_vgg, [3, 3, 64, 32], lambda name: name.startswith('features.') and name != 'features.0'),
    'resnext': (small_resnext, [2, 3, 40, 48], lambda name: name.startswith('layer') and 'downsample' not in name),
    'mobilenet': (small_mobilenet, [3, 3, 64, 48], lambda name: '.conv.' in name),
    'densenet': (small_densenet, [3, 3, 40, 33], lambda name: 'denseblock' in name),
    'seresnet': (small_senet, [2, 3, 33, 34],
                 lambda name: name.startswith('layer') and 'downsample' not in name and '.se.' not in name),
    'mobilenet-v3': (small_mobilenet_v3, [3, 3, 33, 28], lambda name: re.search(r'\.block\.\d\.0$', name)),
    'efficientnet': (small_efficientnet, [3, 3, 33, 28], lambda name: re.search(r'\.block\.\d\.0$', name)),
    'mnasnet': (small_mnasnet, [3, 3, 48, 40], lambda name: '.layers.' in name),
    'shufflenet': (small_shufflenet, [3, 3, 64, 48], lambda name: name.startswith('stage')),
    'regnet-x': (lambda: small_regnet(None, 8), [3, 3, 40, 33], lambda name: '.f.' in name),
    'regnet-y': (lambda: small_regnet(0.25, 4), [3, 3, 40, 33], lambda name: re.search(r'\.f\.[abc]\.', name)),
    'squeezenet': (small_squeezenet, [3, 3, 42, 35], lambda name: 'squeeze' in name or 'expand' in name),
    'googlenet': (small_googlenet, [3, 3, 67, 58], lambda name: name.startswith('inception')),
}
published = ['vgg16', 'vgg16_bn', 'resnext50_32x4d', 'wide_resnet50_2', 'mobilenet_v2', 'densenet121', 'mobilenet_v3_small',
             'mobilenet_v3_large', 'efficientnet_b0', 'mnasnet0_75', 'mnasnet1_0', 'shufflenet_v2_x0_5', 'shufflenet_v2_x1_5',
             'regnet_x_400mf', 'regnet_y_400mf', 'squeezenet1_0', 'squeezenet1_1', 'googlenet']

runs = {}
for family, (make, input_shape, is_block) in small.items():
    runs[family] = run(make(), input_shape)
    ic = make()
    to_ic(ic, is_block)
    runs['ic-' + family] = run(ic, input_shape)

states = {}
for name in published:
    options = {'aux_logits': False, 'init_weights': False} if name == 'googlenet' else {}
    state = getattr(models, name)(weights=None, **options).state_dict()
    states[name] = [f'{key} {"x".join(map(str, value.shape))}'.strip() for key, value in state.items()]

with open(os.path.join(os.path.dirname(__file__), 'families.json'), 'w') as file:
    json.dump({'torch': torch.__version__, 'torchvision': torchvision.__version__, 'runs': runs, 'states': states}, file,
              separators=(',', ':'))
    file.write('\n')
