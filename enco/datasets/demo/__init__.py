"""Procedural stand-ins for the six archives that serve the eight tasks: the same kinds of scenes in two looks."""

from __future__ import annotations

from enco.datasets.demo.archive import ARCHIVES, make_archive

__all__ = ["ARCHIVES", "make_archive"]
