"""QS-Attn: CUT, with features that selected cells attend to in deep layers (Hu et al. 2022, arXiv 2203.08483).

Cells of the source's features attend to each other. The cells whose attention has the least entropy are the queries
and keys; their attention, computed on the source, gathers the features of both images.
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
        """Whether the source's encoding gets no gradient; by default there is one, through the attention alone."""
        return self.options.detach_attention

    def forward(self, batch: Batch) -> tuple[list[Tensor], Tensor, Features]:
        """Do CUT's forward pass, after one more encoder pass where the time of the released code is to be measured."""
        if self.options.time_compatible:
            self.generator.encode(batch["source"], self.options.layers)
        return super().forward(batch)

    def nce(self, keys: Features, queries: Features, scores: Tensor | None = None) -> Tensor:
        """Return the mean PatchNCE over layers and positions, sampled as in CUT or selected by attention."""
        opt, losses = self.options, []
        for place, (layer, head) in enumerate(zip(opt.layers, self.heads, strict=True)):
            if place < opt.attend_from:
                key, query = sampled_cells(keys[layer], queries[layer], opt, scores)
            else:
                key, query = attended_cells(keys[layer], queries[layer], opt)
            losses.append(patch_nce(head(query), head(key).detach(), opt.tau, opt.nce_diag, opt.negatives).mean())
        return torch.stack(losses).mean()


def attended_cells(keys: Tensor, queries: Tensor, options: QsAttnOptions) -> tuple[Tensor, Tensor]:
    """Gather the features that selected cells attend to, from keys and from queries, B x C x H x W to B x P x C each.

    P is `patches`, or H*W if that is less. Attention is computed from the keys alone, with a gradient for the keys
    unless the keys are detached.
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
    """Select the cells of B x C x H x W features whose attention has the least entropy, by image, as B x P."""
    if options.qs_mode == "global":
        attention = global_attention(features)
    else:
        attention = local_attention(features, windows_at(features, options.window, options.local_layout))
    return lowest_entropy(attention, options.patches)
