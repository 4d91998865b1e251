"""Holds the documented IC convolution to test/golden/conv.safetensors: prints the largest relative error of each tensor."""

import json

import torch

from shared import ROOT, documented_module, read_safetensors

module = documented_module()
tensors, metadata = read_safetensors(ROOT / "test/golden/conv.safetensors")
errors = {}
for i, case in enumerate(json.loads(metadata["cases"])):
    if not case["ic"]:
        continue
    own = {name.split(".")[1]: value.double() for name, value in tensors.items() if name.startswith(f"{i}.")}
    x = own["x"].requires_grad_()
    outputs, inputs, *kernel = own["w"].shape
    groups = case["groups"]
    conv = module.ICConv2d(
        inputs * groups, outputs, kernel, case["stride"], case["padding"], case["dilation"], groups, case["bias"],
    ).double()
    state = {"weight": own["w"], "adjust": own["a"], **({"bias": own["b"]} if case["bias"] else {})}
    conv.load_state_dict(state)
    y = conv(x)
    y.backward(own["dy"])
    results = {"y": y, "dx": x.grad, "dw": conv.weight.grad, "da": conv.adjust.grad}
    if case["bias"]:
        results["db"] = conv.bias.grad
    for name, value in results.items():
        errors[f"{i}.{name}"] = ((value - own[name]).abs().max() / own[name].abs().max()).item()
print(json.dumps(errors))
