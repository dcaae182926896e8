"""A plugin of pytest: run one part of the tests, as the environment's PART says, `0/4` to `3/4`, and see one pass."""

from __future__ import annotations

import os
from typing import Any

import pytest

NONE_PASSED = 9
"""Exit status where no test has passed: skipped tests show nothing."""


class Part:
    """Counts the tests that pass."""

    passed = 0

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep every n-th test."""
        part, _, parts = os.environ["PART"].partition("/")
        items[:] = items[int(part) :: int(parts)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that passed."""
        self.passed += report.when == "call" and report.passed

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """End with a status of its own where no test passed."""
        if exitstatus == pytest.ExitCode.OK and not self.passed:
            session.exitstatus = NONE_PASSED


def pytest_configure(config: pytest.Config) -> None:
    """Add the plugin."""
    config.pluginmanager.register(Part())
