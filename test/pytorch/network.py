"""Loads a checkpoint into a documented network, strictly, and writes what float64 makes of it.

network.py EXPRESSION CHECKPOINT INPUT OUTPUT: the expression makes the network, as in "to_ic(cifar_resnet(8))"; INPUT holds
`images`, OUTPUT gets `eval.logits`, and of one training step `train.logits`, `losses` and `grad.NAME`.
"""

import sys

import torch
from torch.nn import functional as F

from shared import documented_module, labels_of, read_safetensors, write_safetensors

expression, checkpoint, images, output = sys.argv[1:]
network = eval(expression, documented_module().__dict__)
state, _ = read_safetensors(checkpoint)
network.load_state_dict({name: value for name, value in state.items() if not name.startswith("optimizer.")})
network = network.double().eval()
x = read_safetensors(images)[0]["images"].double()
results = {}
with torch.no_grad():
    results["eval.logits"] = network(x)
network.train()
logits = network(x)
loss = F.cross_entropy(logits, labels_of(*logits.shape))
loss.backward()
results["train.logits"], results["losses"] = logits, loss.reshape(1)
for name, parameter in network.named_parameters():
    results[f"grad.{name}"] = parameter.grad
write_safetensors(output, results)
