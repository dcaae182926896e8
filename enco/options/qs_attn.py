"""Settings of QS-Attn."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from enco.options.base import MethodInfo
from enco.options.cut import CutOptions

LocalLayout = Literal["correct", "official"]


class QsAttnOptions(CutOptions):
    """QS-Attn's settings, by default as in QS-Attn's code, but for the layout of local attention.

    With `k` above 1, DAG sampling holds for the layers without attention.
    """

    qs_mode: Literal["global", "local", "local_global"] = Field(
        "global",
        description="Cells are selected by, and route, attention to the whole map or to their window; or are selected "
        "by the window and route the whole map's.",
    )
    attend_from: int = Field(
        3, ge=0, description="Place in `layers`, from 0, of the first with attention; CUT's before."
    )
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


INFO = MethodInfo("qs_attn", "QS-Attn", "arXiv 2203.08483", 2022, two_sided=False, Options=QsAttnOptions)
