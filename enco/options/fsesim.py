"""Settings of FSeSim."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from enco.options.base import MethodInfo, MethodOptions

VggWeights = Literal["imagenet", "random"]
VggLayer = Annotated[int, Field(ge=0, le=12)]


class FSeSimOptions(MethodOptions):
    """FSeSim's settings, by default as in FSeSim's code and published command."""

    jitter_in_decay: bool = Field(True, description="Keep resizing to load_size and cropping in the decay half.")
    vgg: VggWeights = Field(
        "imagenet",
        description="Weights of the VGG16 that gives the features. imagenet: vgg16-397923af.pth, from the folder "
        "hub/checkpoints of torch's cache ($TORCH_HOME, by default ~/.cache/torch) or downloaded to there; random: "
        "always the same random ones, not the paper's.",
    )
    vgg_width: float = Field(
        1.0, gt=0, le=1, description="Width of a random VGG16, to save time at small scales; 1 is the paper's."
    )
    attn_layers: tuple[VggLayer, ...] = Field(
        (4, 7, 9), min_length=1, description="ReLUs of VGG16 that are compared, from 0 (relu1_1) to 12 (relu5_3)."
    )
    patches: int = Field(256, ge=1, description="Positions sampled from each feature map.")
    patch_size: int = Field(
        64, ge=2, description="Side of the window of keys around a position; on a map that is no larger, all are keys."
    )
    use_norm: bool = Field(
        False, description="Cosine similarity and plain distances; else tanh of scaled products and smooth distances."
    )
    sim_loss: Literal["cos", "l1"] = Field("cos", description="Distance of two similarity maps: by angle or by entry.")
    mask_quarter: bool = Field(True, description="Compare only the quarter of keys most alike in the translation.")
    pool_size: int = Field(50, ge=0, description="Generated images kept for the discriminator.")
    lambda_spatial: float = Field(10.0, ge=0, description="Weight of the self-similarity loss.")
    lr_g: float = Field(1e-4, gt=0, description="Learning rate of the generator.")
    lr_d: float = Field(1e-4, gt=0, description="Learning rate of the discriminator.")

    @classmethod
    def offline_options(cls, size: int) -> dict[str, Any]:
        """Return options for random features in place of downloaded weights."""
        return {"vgg": "random"}

    @model_validator(mode="after")
    def _width_of_random(self) -> FSeSimOptions:
        if self.vgg == "imagenet" and self.vgg_width != 1:
            raise ValueError(f"vgg_width {self.vgg_width} needs vgg random: ImageNet weights have width 1")
        return self


INFO = MethodInfo("fsesim", "FSeSim", "arXiv 2104.00854", 2021, two_sided=False, Options=FSeSimOptions)
