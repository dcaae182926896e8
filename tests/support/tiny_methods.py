"""Methods small enough to train in a test, and images for them."""

from __future__ import annotations

from enco.contract import batch_for as batch_for
from enco.contract import images as images
from enco.contract import tiny_method as tiny_method
from enco.selftest.tiny import SIZE as SIZE
from enco.selftest.tiny import TINY as TINY
from enco.selftest.tiny import tiny_options as tiny_options
