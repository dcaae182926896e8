"""Layouts of the generators that methods' authors published: how they name what this project's networks hold.

A layout is data: the keys that tell it, the keys that tell the sizes, and the name that each module or parameter here
has there. Names are read in both directions, so that import and export cannot differ. The facts are the state_dicts of
the authors' networks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from enco.networks.domains import DOMAINS

Names = dict[str, str]
"""Names in the authors' files, by the names here; of modules, or of parameters that are called otherwise there."""
Shape = tuple[int, ...]

RUNNING = r".*\.(running_mean|running_var|num_batches_tracked)$"
"""Keys of statistics that instance norms of PyTorch before 0.4 kept, and that no translation uses."""
BLUR_DOWN, BLUR_UP = (1.0, 2.0, 1.0), (1.0, 3.0, 3.0, 1.0)
"""Rows of the fixed filters of CUT's code, each as the outer product with itself over 16."""


@dataclass(frozen=True)
class Plan:
    """What names depend on: sizes, and which networks here are which domains there."""

    ngf: int
    n_blocks: int
    networks: tuple[str, ...]
    """Networks that the file holds, by their names here."""
    letters: str = "AB"
    """The authors' letters of the source and the target domain."""

    @property
    def domains(self) -> Iterable[tuple[str, str]]:
        """Each domain's name here, with the authors' letter."""
        return zip(DOMAINS, self.letters, strict=True)


def _no_tensors(plan: Plan) -> dict[str, Tensor]:
    return {}


@dataclass(frozen=True)
class Layout:
    """One way in which generators are stored, and the methods whose authors did so."""

    name: str
    methods: tuple[str, ...]
    has: tuple[str, ...]
    """Patterns that some key of every such file matches."""
    block: str
    """Pattern of a residual block's keys, with the block's number as the group."""
    sizes: Mapping[str, tuple[str, int]]
    """Options that files tell: the key and the axis of the tensor with that size."""
    names: Callable[[Plan], Names]
    lacks: str = r"(?!)"
    """Pattern that no key matches."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that go with the layout, of methods that have them."""
    fixed: Callable[[Plan], dict[str, Tensor]] = _no_tensors
    """Tensors that are the same in every such file, by the authors' keys."""
    unused: str = RUNNING
    """Pattern of what may be in a file and decides no translation; its match is the name in the import's record."""
    vectors: tuple[str, int] = (r"(?!)", 1)
    """Pattern of the keys of vectors, by channel, and the axes that these have there."""
    shares_file: bool = False
    """Whether one file holds all networks of a generator, and not one network."""

    def fits(self, keys: Iterable[str]) -> bool:
        """Return whether keys of a file are those of this layout, as far as needed to tell it from the others."""
        keys = list(keys)
        found = all(any(re.search(pattern, key) for key in keys) for pattern in self.has)
        return found and not any(re.search(self.lacks, key) for key in keys)

    def blocks(self, keys: Iterable[str]) -> int:
        """Count the residual blocks."""
        return len({match[1] for key in keys if (match := re.search(self.block, key))})

    def keys(self, plan: Plan, ours: Iterable[str]) -> Names:
        """Return the authors' key of each tensor here, named `network.key`; KeyError for one that the file has not."""
        names = self.names(plan)
        return {key: names[key] if key in names else _in_module(key, names) for key in ours}

    def shape(self, key: str, ours: Shape) -> Shape:
        """Return the shape there, by the authors' key, of a tensor with this shape here."""
        pattern, axes = self.vectors
        return (ours[0], *[1] * (axes - 1)) if re.search(pattern, key) else ours


def _in_module(key: str, names: Names) -> str:
    module, _, parameter = key.rpartition(".")
    return f"{names[module]}.{parameter}"


@dataclass(frozen=True)
class _Places:
    """Places in the list of modules of a ResNet generator, which is numbered here as there."""

    convolutions: tuple[int, int, int]
    """Before the residual blocks, from the start."""
    blocks: int
    """The first residual block."""
    last: tuple[int, int, int]
    """Convolutions after the residual blocks, from the last block's end."""
    blurs_down: tuple[int, ...] = ()
    blurs_up: tuple[int, ...] = ()

    def names(self, plan: Plan) -> Names:
        (network,) = plan.networks
        end = self.blocks + plan.n_blocks
        convolutions = [*self.convolutions, *(end + place for place in self.last)]
        return {f"{network}.{i}": f"model.{i}" for i in convolutions} | {
            f"{network}.{i}.body.{j}": f"model.{i}.conv_block.{j}" for i in range(self.blocks, end) for j in (1, 5)
        }

    def filters(self, plan: Plan) -> dict[str, Tensor]:
        """Return the fixed filters, C x 1 x k x k, which the networks here do not store."""
        end = self.blocks + plan.n_blocks
        down = {place: _blur(BLUR_DOWN, 2**i * plan.ngf) for i, place in enumerate(self.blurs_down, start=1)}
        up = {end + place: _blur(BLUR_UP, 4 * plan.ngf // 2**i) for i, place in enumerate(self.blurs_up)}
        return {f"model.{place}.filt": values for place, values in (down | up).items()}


def _blur(row: tuple[float, ...], channels: int) -> Tensor:
    values = torch.tensor(row)
    return (torch.outer(values, values) / 16).repeat(channels, 1, 1, 1)


def _unpadded(plan: Plan) -> Names:
    """Name a ResNet generator whose list of modules has no paddings, as they are inside of its convolutions."""
    (network,) = plan.networks
    end = 10 + plan.n_blocks
    convolutions_and_norms = (1, 2, 4, 5, 7, 8, end, end + 1, end + 3, end + 4)
    in_block = {1: 0, 2: 1, 5: 3, 6: 4}
    return {
        **{f"{network}.{i}": f"model.{i - 1}" for i in convolutions_and_norms},
        **{
            f"{network}.{i}.body.{j}": f"model.{i - 1}.conv_block.{k}"
            for i in range(10, end)
            for j, k in in_block.items()
        },
        f"{network}.{end + 7}": f"model.{end + 5}",
    }


def _munit(plan: Plan) -> Names:
    names: Names = {}
    blocks = [(b, half) for b in range(plan.n_blocks) for half in (0, 1)]
    for network, letter in zip(plan.networks, plan.letters.lower(), strict=True):
        style, content, decoder = f"{letter}.enc_style.model", f"{letter}.enc_content.model", f"{letter}.dec.model"
        parts = {
            **{f"style_encoder.{3 * i + 1}": f"{style}.{i}.conv" for i in range(5)},
            "style_encoder.16": f"{style}.6",
            **{f"content_encoder.{4 * i + 1}": f"{content}.{i}.conv" for i in range(3)},
            **{
                f"content_encoder.{12 + b}.body.{4 * h + 1}": f"{content}.3.model.{b}.model.{h}.conv" for b, h in blocks
            },
            **{
                f"decoder.blocks.{b}.{('first', 'second')[h]}.1": f"{decoder}.0.model.{b}.model.{h}.conv"
                for b, h in blocks
            },
            **{f"decoder.up.{i}": f"{decoder}.{j}.conv" for i, j in ((2, 2), (7, 4), (11, 5))},
            **{f"decoder.up.{i}.gain": f"{decoder}.{j}.norm.gamma" for i, j in ((3, 2), (8, 4))},
            **{f"decoder.up.{i}.bias": f"{decoder}.{j}.norm.beta" for i, j in ((3, 2), (8, 4))},
            **{f"mlp.{2 * i}": f"{letter}.mlp.model.{i}.fc" for i in range(3)},
        }
        names |= {f"{network}.{ours}": theirs for ours, theirs in parts.items()}
    return names


def _munit_statistics(plan: Plan) -> dict[str, Tensor]:
    """Return the statistics of adaptive norms, which stay as they begin."""
    norms = [
        f"{letter}.dec.model.0.model.{block}.model.{half}.norm"
        for letter in "ab"
        for block in range(plan.n_blocks)
        for half in (0, 1)
    ]
    means = {f"{norm}.running_mean": torch.zeros(4 * plan.ngf) for norm in norms}
    return means | {f"{norm}.running_var": torch.ones(4 * plan.ngf) for norm in norms}


def _drit_contents(plan: Plan) -> Names:
    names = {f"content_encoder.shared.body.{j}": f"enc_c.conv_share.0.model.{j}" for j in (1, 5)}
    for domain, letter in plan.domains:
        ours, theirs = f"content_encoder.backbones.{domain}", f"enc_c.conv{letter}"
        names |= {f"{ours}.{4 * i + (i == 0)}": f"{theirs}.{i}.model.1" for i in range(3)}
        names |= {
            f"{ours}.{11 + b}.body.{j}": f"{theirs}.{3 + b}.model.{j}" for b in range(plan.n_blocks) for j in (1, 5)
        }
    return names


def _drit_concat(plan: Plan) -> Names:
    names = _drit_contents(plan)
    names |= {f"generator.shared.body.{j}": f"gen.dec_share.0.model.{j}" for j in (1, 5)}
    for domain, letter in plan.domains:
        decoder, theirs = f"generator.decoders.{domain}", f"gen.dec{letter}"
        names |= {f"{decoder}.0.{b}.body.{j}": f"{theirs}1.{b}.model.{j}" for b in range(plan.n_blocks) for j in (1, 5)}
        names |= {f"{decoder}.{i}.{j}": f"{theirs}{i + 1}.0.model.{j}" for i in (1, 2) for j in (0, 1)}
        names[f"{decoder}.3.0"] = f"{theirs}4.0"
        encoder, convolutions = f"attribute_encoder_{domain}", f"enc_a.conv_{letter}"
        names |= {f"{encoder}.mean": f"enc_a.fc_{letter}.0", f"{encoder}.log_variance": f"enc_a.fcVar_{letter}.0"}
        names[f"{encoder}.body.1"] = f"{convolutions}.1"
        in_block = {"body.2": "conv.2", "body.5": "conv.4.1", "shortcut.1": "shortcut.1"}
        names |= {f"{encoder}.body.{i}.{a}": f"{convolutions}.{i}.{b}" for i in (2, 3, 4) for a, b in in_block.items()}
    return names


def _drit_featurewise(plan: Plan) -> Names:
    names = _drit_contents(plan)
    for domain, letter in plan.domains:
        decoder, theirs = f"generator.decoders.{domain}", f"gen.dec{letter}"
        halves = [(b, half) for b in range(plan.n_blocks + 1) for half in (0, 1)]
        names |= {f"{decoder}.blocks.{b}.convs.{h}.1": f"{theirs}{b + 1}.conv{h + 1}.0.1" for b, h in halves}
        names |= {
            f"{decoder}.blocks.{b}.mixers.{h}.{i}": f"{theirs}{b + 1}.blk{h + 1}.{i}" for b, h in halves for i in (0, 2)
        }
        last = f"{theirs}{plan.n_blocks + 2}"
        names |= {f"{decoder}.up.{3 * i + j}": f"{last}.{i}.model.{j}" for i in (0, 1) for j in (0, 1)}
        names[f"{decoder}.up.6"] = f"{last}.2"
        names |= {f"{decoder}.mlp.{i}": f"gen.mlp{letter}.{i}" for i in (0, 2, 4)}
        places = (1, 4, 7, 10, 13, 16)
        names |= {f"attribute_encoder_{domain}.{i}": f"enc_a.model_{letter.lower()}.{i}" for i in places}
    return names


def _heads(plan: Plan) -> Names:
    return {f"heads.{i}.mlp.{j}": f"mlp_{i}.{j}" for i in range(plan.n_blocks) for j in (0, 2)}


ANTIALIASED = _Places((1, 4, 8), 12, (1, 5, 9), blurs_down=(7, 11), blurs_up=(0, 4))
MIXED = _Places((1, 4, 7), 10, (1, 5, 9), blurs_up=(0, 4))
STRIDED = _Places((1, 4, 7), 10, (0, 3, 7))

LAYOUTS = (
    Layout(
        name="antialiased",
        methods=("cut", "dclgan", "negcut", "fsesim", "qs_attn", "enco", "cyclegan"),
        has=(r"^model\.\d+\.conv_block\.1\.", r"^model\.7\.filt$"),
        block=r"^model\.(\d+)\.conv_block\.",
        sizes={"ngf": ("model.1.weight", 0)},
        options={"arch": "antialiased"},
        names=ANTIALIASED.names,
        fixed=ANTIALIASED.filters,
    ),
    Layout(
        name="mixed",
        methods=("cyclegan",),
        has=(r"^model\.\d+\.conv_block\.1\.", r"^model\.\d+\.filt$"),
        lacks=r"^model\.7\.filt$",
        block=r"^model\.(\d+)\.conv_block\.",
        sizes={"ngf": ("model.1.weight", 0)},
        options={"arch": "mixed"},
        names=MIXED.names,
        fixed=MIXED.filters,
    ),
    Layout(
        name="strided",
        methods=("cyclegan", "gcgan"),
        has=(r"^model\.\d+\.conv_block\.1\.",),
        lacks=r"\.filt$|conv_block\.0\.",
        block=r"^model\.(\d+)\.conv_block\.",
        sizes={"ngf": ("model.1.weight", 0)},
        options={"arch": "strided"},
        names=STRIDED.names,
    ),
    Layout(
        name="unpadded",
        methods=("distancegan", "selfdistance"),
        has=(r"^model\.\d+\.conv_block\.0\.",),
        block=r"^model\.(\d+)\.conv_block\.",
        sizes={"ngf": ("model.0.weight", 0)},
        names=_unpadded,
    ),
    Layout(
        name="munit",
        methods=("munit",),
        has=(r"^[ab]\.enc_content\.",),
        block=r"^a\.enc_content\.model\.3\.model\.(\d+)\.",
        sizes={
            "ngf": ("a.enc_content.model.0.conv.weight", 0),
            "style_dim": ("a.enc_style.model.6.weight", 0),
            "mlp_width": ("a.mlp.model.0.fc.weight", 0),
        },
        names=_munit,
        fixed=_munit_statistics,
        vectors=(r"\.norm\.(gamma|beta)$", 1),
        shares_file=True,
    ),
    Layout(
        name="drit concat",
        methods=("drit",),
        has=(r"^enc_c\.", r"^gen\.dec_share\."),
        block=r"^enc_c\.convA\.(\d+)\.model\.5\.",
        sizes={"ngf": ("enc_c.convA.0.model.1.weight", 0), "attribute_dim": ("enc_a.fc_A.0.weight", 0)},
        options={"concat": True},
        names=_drit_concat,
        unused=rf"^dis[A-Z]\w*|{RUNNING}",
        vectors=(r"^gen\.dec[AB][23]\.0\.model\.1\.", 3),
        shares_file=True,
    ),
    Layout(
        name="drit feature-wise",
        methods=("drit",),
        has=(r"^enc_c\.", r"^gen\.mlp[AB]\."),
        block=r"^enc_c\.convA\.(\d+)\.model\.5\.",
        sizes={"ngf": ("enc_c.convA.0.model.1.weight", 0), "attribute_dim": ("gen.mlpA.0.weight", 1)},
        options={"concat": False},
        names=_drit_featurewise,
        unused=rf"^dis[A-Z]\w*|{RUNNING}",
        vectors=(r"^gen\.dec[AB]\d+\.\d\.model\.1\.", 3),
        shares_file=True,
    ),
)
HEADS = Layout(
    name="heads",
    methods=("cut", "negcut", "qs_attn"),
    has=(r"^mlp_0\.",),
    block=r"^mlp_(\d+)\.",
    sizes={"head_width": ("mlp_0.0.weight", 0)},
    names=_heads,
)


def layout_of(method: str, options: Mapping[str, Any]) -> Layout | None:
    """Return the layout of the authors' files of a method with these options; None for a method without one."""
    for layout in LAYOUTS:
        if method in layout.methods and all(options.get(key, value) == value for key, value in layout.options.items()):
            return layout
    return None
