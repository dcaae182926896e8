r"""MoNCE: CUT whose negatives push by weights of an optimal transport (Zhan et al. 2022, arXiv 2203.09333).

Query x_i of a translation, key y_i of its source at the same position, both of unit length, i = 1 ... N:

    loss_i = -log( e^(x_i.y_i/tau) / ( e^(x_i.y_i/tau) + Q (N-1) sum_{j != i} w_ij e^(x_i.y_j/tau) ) )

PatchNCE is Q = 1 and w_ij = 1/(N-1). In MoNCE the weights w are a transport plan between queries and keys, with rows
and columns that sum to 1 and w_ii = 0. It has the least cost sum_ij w_ij (1 - x_i.y_j) less epsilon times its entropy:

    w_ij = u_i e^(x_i.y_j/epsilon) v_j,  by Sinkhorn's iterations  u = 1 / (K v),  v = 1 / (K^T u)

So a negative that resembles the query pushes more (hard weighting, for unpaired images), and no key is everybody's
negative. All else is CUT's. That negatives are weighted by similarity and by transport is from the paper; equations and
defaults (epsilon 1, 50 iterations, Q 1) are from the authors' code (github.com/fnzhan/MoNCE, CUT_MoNCE), whose script
for Horse→Zebra takes epsilon 0.1. Not as there:

- N is the number of positions drawn. There N - 1 is `num_patches - 1`, also where a layer has fewer positions.
- w_ii is 0. There it is not: the kernel has e^(-10/epsilon) on its diagonal.
- Logarithms of weights are computed as they are. There 1e-8 is added to each weight.
- Positions are CUT's, and by the discriminator's scores where k > 1 (EnCo, Appendix A).

As there, gradients run through the weights, and negatives keep their diagonal at a constant similarity (`nce_diag`;
null is the loss above). Easy weighting, for paired images, is left out. The paper's tables were not tried.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from enco.losses.contrast import sampled_cells
from enco.methods.cut import Cut
from enco.networks.generator import Features
from enco.runtime.precision import in_float32
from enco_monce import INFO, MonceOptions


class Monce(Cut):
    """CUT with MoNCE in the place of PatchNCE."""

    info = INFO
    options: MonceOptions

    def nce(self, keys: Features, queries: Features, scores: Tensor | None = None) -> Tensor:
        """Return the mean MoNCE over layers and positions; gradient flows to queries only."""
        losses = []
        for layer, head in zip(self.options.layers, self.heads, strict=True):
            key, query = sampled_cells(keys[layer], queries[layer], self.options, scores)
            losses.append(monce(head(query), head(key).detach(), self.options).mean())
        return torch.stack(losses).mean()


@in_float32
def monce(queries: Tensor, keys: Tensor, options: MonceOptions) -> Tensor:
    """Return the MoNCE of each query, B x P, for unit embeddings B x P x D; query i's positive is key i."""
    similarity = queries @ keys.mT
    count = similarity.shape[-1]
    own = torch.eye(count, dtype=torch.bool, device=queries.device)
    weights = transport(similarity, options.epsilon, options.sinkhorn_steps)
    push = torch.where(own, 1.0, options.lambda_negatives * (count - 1) * weights)
    logits = similarity / options.tau + push.log()
    if options.nce_diag is not None:
        logits = F.pad(logits, (0, 1), value=options.nce_diag / options.tau)
    return logits.logsumexp(-1) - similarity.diagonal(dim1=-2, dim2=-1) / options.tau


def transport(similarity: Tensor, epsilon: float, steps: int) -> Tensor:
    """Return the weights of negatives, B x P x P: rows and columns sum to 1, the diagonal is 0.

    `similarity` has queries in rows and keys in columns, values in [-1, 1].
    """
    own = torch.eye(similarity.shape[-1], dtype=torch.bool, device=similarity.device)
    kernel = ((similarity - 1) / epsilon).exp().masked_fill(own, 0.0)
    v = torch.ones_like(similarity[..., :1])
    for _ in range(steps):
        u = 1 / (kernel @ v)
        v = 1 / (kernel.mT @ u)
    return u * kernel * v.mT
