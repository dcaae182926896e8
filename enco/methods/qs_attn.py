"""QS-Attn: CUT, but the deep taps compare what selected cells attend to (Hu et al. 2022, arXiv 2203.08483).

Cells of the source's features attend to each other. Those that know best where to look, by the entropy of their
attention, are the queries and keys; their attention, found on the source, gathers the features of both images.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from enco.contrast import sampled_cells
from enco.losses import patch_nce
from enco.methods.base import Batch, MethodInfo
from enco.methods.cut import Cut, CutOptions
from enco.networks.attention import (
    LocalLayout,
    cells_at,
    global_attention,
    local_attention,
    lowest_entropy,
    route,
    values_at,
    windows_at,
)
from enco.networks.generator import Features


class QsAttnOptions(CutOptions):
    """QS-Attn's settings; the defaults are those of its code, but for the layout of local attention.

    With `k` above 1, DAG sampling holds for the taps without attention.
    """

    qs_mode: Literal["global", "local", "local_global"] = Field(
        "global",
        description="Cells are selected by, and route, attention to the whole map or to their window; or are selected "
        "by the window and route the whole map's.",
    )
    attend_from: int = Field(3, ge=0, description="Place in `taps`, from 0, of the first with attention; CUT's before.")
    window: int = Field(7, ge=1, description="Side of the window of local attention, in cells; odd.")
    local_layout: LocalLayout = Field(
        "correct", description="Windows hold a cell's neighbours, or the numbers that the released code scrambles."
    )
    detach_attention: bool = Field(False, description="Let no gradient through the attention to the source's features.")
    time_compatible: bool = Field(False, description="Run the unused encoder pass of the released code, for its time.")

    @field_validator("window")
    @classmethod
    def _window_has_a_centre(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"a window of side {window} has no cell in its centre; take an odd side")
        return window


class QsAttn(Cut):
    """CUT with query-selected attention."""

    info = MethodInfo("qs_attn", "QS-Attn", "arXiv 2203.08483", 2022, two_sided=False)
    Options = QsAttnOptions
    options: QsAttnOptions

    @property
    def keys_detached(self) -> bool:
        """By default the source's encoding gets a gradient: through the attention, never through the keys."""
        return self.options.detach_attention

    def forward(self, batch: Batch) -> tuple[list[Tensor], Tensor, Features]:
        """As CUT's, after one more encoder pass where its time is to be counted."""
        if self.options.time_compatible:
            self.generator.encode(batch["source"], self.options.taps)
        return super().forward(batch)

    def nce(self, keys: Features, queries: Features, scores: Tensor | None = None) -> Tensor:
        """Mean PatchNCE over taps and positions: sampled ones, as CUT's, or selected ones where there is attention."""
        opt, losses = self.options, []
        for place, (tap, head) in enumerate(zip(opt.taps, self.heads, strict=True)):
            if place < opt.attend_from:
                key, query = sampled_cells(keys[tap], queries[tap], opt, scores)
            else:
                key, query = attended_cells(keys[tap], queries[tap], opt)
            losses.append(patch_nce(head(query), head(key).detach(), opt.tau, opt.nce_diag, opt.negatives).mean())
        return torch.stack(losses).mean()


def attended_cells(keys: Tensor, queries: Tensor, options: QsAttnOptions) -> tuple[Tensor, Tensor]:
    """What the selected cells of `keys` attend to in `keys` and in `queries`, both B x C x H x W to B x P x C.

    P is `patches`, or H*W if that is less. Attention is the keys' own, and gives them a gradient if they want one.
    """
    rows = selected_rows(keys, options)
    if options.qs_mode == "local":
        layout = options.window, options.local_layout
        key_values, query_values = (values_at(features, *layout, rows) for features in (keys, queries))
        attention = local_attention(keys, windows_at(keys, *layout, rows), rows)
    else:
        key_values, query_values = cells_at(keys), cells_at(queries)
        attention = global_attention(keys, rows)
    return route(attention, key_values), route(attention, query_values)


@torch.no_grad()
def selected_rows(features: Tensor, options: QsAttnOptions) -> Tensor:
    """The cells of B x C x H x W features whose attention has the least entropy, each image's own, B x P."""
    if options.qs_mode == "global":
        attention = global_attention(features)
    else:
        attention = local_attention(features, windows_at(features, options.window, options.local_layout))
    return lowest_entropy(attention, options.patches)
