"""The code behind what a rule makes, as a parameter that Snakemake compares: where it changes, the rule runs again."""

from __future__ import annotations

from collections.abc import Callable

from eval.provenance import code_of
from workflow.plan.wildcards import Wildcards


def digest(*modules: str) -> Callable[[Wildcards], str]:
    """Return a function that digests the code that modules make use of, called only for jobs that are planned."""
    return lambda wildcards: code_of(*modules)
