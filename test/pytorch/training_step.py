"""Makes test/golden/ic_resnet50_step.json: the first training step of IC-ResNet-50 at full size, in float64.

Weights and images are formula-made, as those of the other golden files; two images of 224 x 224, label i is 7 i mod 1000.
Run it as `python3 test/pytorch/training_step.py`; it takes half a minute and 4 GiB.
"""

import json

import torch
from torch.nn import functional as F

from shared import ROOT, documented_module, fill_by_formula, labels_of, read_safetensors, uniform

BATCH, SEED = 2, 2000
NORMS = ("conv1.weight", "layer1.0.conv1.adjust", "layer2.3.conv2.weight", "layer4.2.conv3.adjust", "bn1.weight", "fc.bias")

module = documented_module()
network = module.to_ic(module.imagenet_resnet(50)).double()
_, metadata = read_safetensors(ROOT / "test/golden/ic_resnet50.safetensors")
fill_by_formula(network, json.loads(metadata["parameters"]))
logits = network(uniform((BATCH, 3, 224, 224), SEED).double())
loss = F.cross_entropy(logits, labels_of(*logits.shape))
loss.backward()
gradients = dict(network.named_parameters())
step = {
    "model": "ic_resnet50",
    "input": [BATCH, 3, 224, 224],
    "input_seed": SEED,
    "loss": loss.item(),
    "gradient_norms": {name: gradients[name].grad.norm().item() for name in NORMS},
    "source": f"test/pytorch/training_step.py, float64, torch {torch.__version__}",
}
(ROOT / "test/golden/ic_resnet50_step.json").write_text(json.dumps(step, indent=2) + "\n")
