"""Makes test/golden/ic_resnet50_step.json: the first training step of IC-ResNet-50 at full size, in float64.

Weights and images are formula-made, as those of the other golden files; two images of 224 x 224, label i is 7 i mod 1000.
Beside each gradient's norm stands what rounding makes of it: the largest relative change in three runs whose parameters are
off by sqrt(n) 2^-24 at most, as a float32 sum of n products is; see test/support/rounding.ts.

Run it as `python3 test/pytorch/training_step.py`; it takes a minute or two and 4 GiB.
"""

import json

import torch
from torch.nn import functional as F

from shared import ROOT, documented_module, fill_by_formula, labels_of, read_safetensors, uniform

BATCH, SEED = 2, 2000
NORMS = ("conv1.weight", "layer3.0.conv2.adjust", "layer2.3.conv2.weight", "layer4.2.conv3.adjust", "bn1.weight", "fc.bias")

MODULE = documented_module()
_, METADATA = read_safetensors(ROOT / "test/golden/ic_resnet50.safetensors")


def step(seed=None):
    """The loss and the norms of gradients; with a seed, of disturbed parameters."""
    network = MODULE.to_ic(MODULE.imagenet_resnet(50)).double()
    fill_by_formula(network, json.loads(METADATA["parameters"]))
    if seed is not None:
        disturb(network, seed)
    logits = network(uniform((BATCH, 3, 224, 224), SEED).double())
    loss = F.cross_entropy(logits, labels_of(*logits.shape))
    loss.backward()
    gradients = dict(network.named_parameters())
    return loss.item(), [gradients[name].grad.norm().item() for name in NORMS]


@torch.no_grad()
def disturb(network, seed):
    torch.manual_seed(seed)
    for parameter in network.parameters():
        # A filter enters sums of its own length, a norm's scale and shift such as the next filters are long.
        terms = parameter[0].numel() if parameter.dim() > 1 else 9 * parameter.numel()
        parameter.mul_(1 + terms**0.5 * 2**-24 * (2 * torch.rand_like(parameter) - 1))


loss, norms = step()
disturbed = [step(seed)[1] for seed in (1, 2, 3)]
spread = [max(abs(run[i] / norm - 1) for run in disturbed) for i, norm in enumerate(norms)]
record = {
    "model": "ic_resnet50",
    "input": [BATCH, 3, 224, 224],
    "input_seed": SEED,
    "loss": loss,
    "gradients": {name: {"norm": norms[i], "rounding": spread[i]} for i, name in enumerate(NORMS)},
    "source": f"test/pytorch/training_step.py, float64, torch {torch.__version__}",
}
(ROOT / "test/golden/ic_resnet50_step.json").write_text(json.dumps(record, indent=2) + "\n")
