"""Makes test/golden/onnx/*.onnx: small networks as PyTorch's exporter writes them, in several versions of the operators.

Run it as `python3 test/pytorch/export_onnx.py`.
"""

import warnings

import torch
from torch import nn
from torch.nn import functional as F

from shared import ROOT, documented_module

module = documented_module()


class Mobile(nn.Module):
    """Depthwise convolutions, ReLU6, a sum, the mean over height and width."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
            nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
        )
        self.widen = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 5))

    def forward(self, x):
        x = self.features(x)
        return self.classifier((x + self.widen(x)).mean([2, 3]))


class Dense(nn.Module):
    """Norms ahead of convolutions, concatenation, a mean without padding, rows by the number of images."""

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 6, 5, padding=2, bias=False)
        self.pool0 = nn.MaxPool2d(3, 2, 1)
        self.norm1, self.conv1 = nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, padding=1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(10), nn.Conv2d(10, 4, 1)
        self.classifier = nn.Linear(14 * 9, 5)

    def forward(self, x):
        x = self.pool0(self.conv0(x))
        y = self.conv1(F.relu(self.norm1(x)))
        z = self.conv2(F.relu(self.norm2(torch.cat([x, y], 1))))
        x = F.avg_pool2d(torch.cat([x, y, z], 1), 3, 2, 1, count_include_pad=False)
        return self.classifier(x.view(x.size(0), -1))


class Plain(nn.Module):
    """Convolutions with norms and biases, one grouped and one dilated; rows with a hidden layer; probabilities."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(6, 8, (3, 1), padding=(2, 0), dilation=2, groups=2), nn.BatchNorm2d(8), nn.ReLU(),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(nn.Linear(32, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 5), nn.Softmax(1))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Grouped(nn.Module):
    """IC convolutions of every kind of grouping, in the form that recalibrates inputs."""

    def __init__(self):
        super().__init__()
        self.pixel = module.ICConv2d(3, 8, 1, adjust="input")
        self.groups = module.ICConv2d(8, 12, 3, stride=2, padding=1, groups=2, bias=False, adjust="input")
        self.depthwise = module.ICConv2d(12, 12, 3, padding=2, dilation=2, groups=12, bias=False)
        self.head = nn.Conv2d(12, 5, 1)

    def forward(self, x):
        return self.head(self.depthwise(self.groups(self.pixel(x))))


class Units(nn.Module):
    """IC units with offsets, of both forms and fully connected."""

    def __init__(self):
        super().__init__()
        self.conv = module.ICConv2d(3, 8, 3, padding=1, offset=True)
        self.groups = module.ICConv2d(8, 6, 3, stride=2, padding=1, groups=2, bias=False, adjust="input", offset=True)
        self.hidden = module.ICLinear(6 * 36, 7)
        self.fc = module.ICLinear(7, 5, offset=False)

    def forward(self, x):
        return self.fc(F.relu(self.hidden(torch.flatten(self.groups(F.relu(self.conv(x))), 1))))


def export(name, network, opset, dynamic, **options):
    torch.manual_seed(opset)
    for parameter in network.parameters():
        parameter.data = torch.rand_like(parameter) - 0.3
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
    path = ROOT / f"test/golden/onnx/{name}.onnx"
    path.parent.mkdir(exist_ok=True)
    if dynamic:
        options["dynamic_axes"] = {"input": {0: "batch"}, "output": {0: "batch"}}
    names = dict(input_names=["input"], output_names=["output"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), torch.zeros(2, 3, 12, 12), path, opset_version=opset, **names, **options)


kept = dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
export("mobile", Mobile(), 9, False)
export("dense", Dense(), 11, True)
export("plain", Plain(), 13, True, **kept)
export("ic_resnet", module.to_ic(module.cifar_resnet(8, 5, 4)), 17, True)
export("ic_grouped", Grouped(), 14, False)
export("ic_offset", Units(), 17, False)
