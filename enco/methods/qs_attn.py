"""QS-Attn: CUT, but the deep taps compare what selected cells attend to (Hu et al. 2022, arXiv 2203.08483).

Cells of the source's features attend to each other. Those that know best where to look, by the entropy of their
attention, are the queries and keys; their attention, found on the source, gathers the features of both images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from enco.data.batch import Batch
from enco.losses.contrast import sampled_cells
from enco.losses.terms import patch_nce
from enco.methods.cut import Cut
from enco.networks.attention import (
    cells_at,
    global_attention,
    local_attention,
    lowest_entropy,
    route,
    values_at,
    windows_at,
)
from enco.networks.generator import Features
from enco.options.qs_attn import INFO, QsAttnOptions


class QsAttn(Cut):
    """CUT with query-selected attention."""

    info = INFO
    options: QsAttnOptions

    @property
    def keys_detached(self) -> bool:
        """By default the source's encoding gets a gradient: through the attention, never through the keys."""
        return self.options.detach_attention

    def forward(self, batch: Batch) -> tuple[list[Tensor], Tensor, Features]:
        """As CUT's, after one more encoder pass where its time is to be counted."""
        if self.options.time_compatible:
            self.generator.encode(batch["source"], self.options.layers)
        return super().forward(batch)

    def nce(self, keys: Features, queries: Features, scores: Tensor | None = None) -> Tensor:
        """Mean PatchNCE over layers and positions: sampled as CUT's, or selected where there is attention."""
        opt, losses = self.options, []
        for place, (tap, head) in enumerate(zip(opt.layers, self.heads, strict=True)):
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
