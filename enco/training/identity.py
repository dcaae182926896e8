"""Tell which settings decide a training's weights, and where two trainings differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enco.config.run import DataConfig, RunConfig
from enco.methods import parse_options
from enco.records import RunRecord
from enco.training.sources import changed_files

LENGTH = ("train.n_const", "train.n_decay", "options.max_iterations")
"""Settings of how long a training lasts."""

Values = Mapping[str, Any]
"""Settings by dotted key: `options.k`."""


@dataclass(frozen=True)
class Difference:
    """One thing that was otherwise when a training began."""

    kind: str
    """`settings`, `images`, `code` or `computed`."""
    key: str
    before: Any
    asked: Any

    @property
    def is_length(self) -> bool:
        """Whether the difference is one of how long a training lasts."""
        return self.key in LENGTH

    def __str__(self) -> str:
        """Write the difference for people, such as `options.k: 4 before, 2 asked for`."""
        if self.kind == "code":
            return f"the code in {self.key}"
        if self.kind == "images":
            return "the training images (their names or contents)"
        now = "here" if self.kind == "computed" else "asked for"
        return f"{self.key}: {json.dumps(self.before)} before, {json.dumps(self.asked)} {now}"


@dataclass(frozen=True)
class OnChange:
    """The policy where a folder's training was made otherwise: by default, stop."""

    anew: bool = False
    """Move the earlier training aside and begin anew."""
    keep: frozenset[str] = frozenset()
    """Go on with the earlier training where only these differ: `code`, `computed`."""


def in_full(config: RunConfig) -> RunConfig:
    """Complete a configuration by every option of its method; UserError for an unknown method or option."""
    return config.model_copy(update={"options": parse_options(config.method, config.options).model_dump(mode="json")})


def settings_of(config: RunConfig) -> dict[str, Any]:
    """Return the settings that decide a run's weights, by dotted key: no names, no paths, no cadence of writing.

    Raises UserError for an unknown method or option.
    """
    options = parse_options(config.method, config.options).model_dump(mode="json", exclude={"preprocess"})
    values = {
        "method": config.method,
        "seed": config.seed,
        "data.direction": config.data.direction,
        "data.levels": config.data.levels,
        "train.n_const": config.train.n_const,
        "train.n_decay": config.train.n_decay,
    }
    values |= {f"options.{key}": value for key, value in options.items()}
    values |= {"init": config.init.sha256} if config.init else {}  # no key without it: earlier digests stay
    values |= {"copy_steps": config.copy_steps} if config.copy_steps else {}
    return values | {f"compute.{key}": value for key, value in config.compute.model_dump(mode="json").items()}


def defaults_of(config: RunConfig) -> dict[str, Any]:
    """Return the settings that decide a run's weights at their defaults, but for the method."""
    bare = RunConfig(method=config.method, task=config.task, data=DataConfig(root=config.data.root))
    return {key: value for key, value in settings_of(bare).items() if key != "method"} | {"copy_steps": 0}


def config_hash(config: RunConfig) -> str:
    """Digest the settings that decide a run's weights and are not at their defaults, as 16 hex digits."""
    return digest_of(without_defaults(settings_of(config), defaults_of(config)))


def without_defaults(settings: Values, defaults: Values) -> dict[str, Any]:
    """Return the settings that are not at their defaults: an option that an upgrade brings changes none of them."""
    return {key: value for key, value in settings.items() if value != defaults.get(key)}


def plan_id(config: RunConfig, sources: Values) -> str:
    """Digest all settings, and the code by file, that decide a run's weights, as 16 hex digits."""
    return digest_of({"settings": settings_of(config), "code": sources})


def compare(before: RunRecord, asked: RunRecord, defaults: Values) -> list[Difference]:
    """List all that decides the weights and differs between two trainings; another method is all that is said."""
    method, other = before.settings["method"], asked.settings["method"]
    if method != other:
        return [Difference("settings", "method", method, other)]
    images = [Difference("images", "data", before.data_hash, asked.data_hash)]
    return [
        *setting_differences(before.settings, asked.settings, defaults),
        *(images if before.data_hash != asked.data_hash else []),
        *code_differences(before.sources, asked.sources),
        *computed_differences(before.pieces, asked.pieces),
    ]


def have_equal_start(before: Values, asked: Values, epoch: int) -> bool:
    """Say whether the schedules of two settings are equal up to the end of an epoch, in both constant parts.

    One epoch less where the rate decays, which some methods let begin early.
    """
    if all(before[key] == asked[key] for key in ("train.n_const", "train.n_decay")):
        return True
    decays = before["train.n_decay"] or asked["train.n_decay"]
    return epoch <= min(before["train.n_const"], asked["train.n_const"]) - bool(decays)


def setting_differences(before: Values, asked: Values, defaults: Values) -> list[Difference]:
    """List settings that differ; a setting that one of the trainings does not name is at the default there."""
    pairs = {key: tuple(one.get(key, defaults.get(key)) for one in (before, asked)) for key in {**before, **asked}}
    return [Difference("settings", key, old, new) for key, (old, new) in sorted(pairs.items()) if old != new]


def code_differences(before: Values, asked: Values) -> list[Difference]:
    """List the files whose code differs."""
    return [Difference("code", name, before.get(name), asked.get(name)) for name in changed_files(before, asked)]


def computed_differences(before: Values, asked: Values) -> list[Difference]:
    """List the compute options that differ, each as `computed.<name>`."""
    names = sorted({*before, *asked})
    pairs = ((f"computed.{name}", before.get(name), asked.get(name)) for name in names)
    return [Difference("computed", key, old, new) for key, old, new in pairs if old != new]


def digest_of(content: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of JSON values, whatever the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
