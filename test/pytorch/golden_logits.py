"""Holds the documented networks to the golden logits: prints the largest relative error of each."""

import json

import torch

from shared import ROOT, documented_module, fill_by_formula, read_safetensors, uniform

module = documented_module()
networks = {
    "ic_resnet8": module.to_ic(module.cifar_resnet(8)),
    "ic_resnet18": module.to_ic(module.imagenet_resnet(18)),
    "resnet50": module.imagenet_resnet(50),
    "ic_resnet50": module.to_ic(module.imagenet_resnet(50)),
}
errors = {}
for name, network in networks.items():
    tensors, metadata = read_safetensors(ROOT / f"test/golden/{name}.safetensors")
    fill_by_formula(network, json.loads(metadata["parameters"]))
    images = uniform(json.loads(metadata["input"]), int(metadata["input_seed"]))
    with torch.no_grad():
        logits = network.eval()(images)
    expected = tensors["eval.logits"]
    errors[name] = ((logits - expected).abs().max() / expected.abs().max()).item()
print(json.dumps(errors))
