"""The two domains of a two-sided method: "a" is the source, "b" the target."""

from __future__ import annotations

from typing import Literal

Domain = Literal["a", "b"]
DOMAINS: tuple[Domain, Domain] = ("a", "b")
OPPOSITE: dict[Domain, Domain] = {"a": "b", "b": "a"}


def direction_to(domain: Domain) -> str:
    """Return the name of the direction that ends in a domain: `ab` or `ba`."""
    return OPPOSITE[domain] + domain
