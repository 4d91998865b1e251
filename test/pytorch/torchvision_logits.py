"""Prints what a network of torchvision is: the names of its state's entries, and its logits in float64.

torchvision_logits.py NAME HEIGHT WIDTH: weights are formula-made in the order of the state, images are uniform(shape, 99).
"""

import json
import sys

import torch
from torchvision import models

from shared import fill_by_formula, uniform

name, *size = sys.argv[1:]
options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
network = getattr(models, name)(weights=None, **options).double().eval()
names = list(network.state_dict())
fill_by_formula(network, names)
images = uniform((1, 3, *map(int, size)), 99).double()
with torch.no_grad():
    print(json.dumps({"parameters": names, "logits": network(images)[0].tolist()}))
