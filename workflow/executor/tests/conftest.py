"""Fixtures for the tests of the executor."""

import signal

from hypothesis import settings

from slurm_fixture import slurm as slurm
from slurm_fixture import slurm_of_two as slurm_of_two
from slurm_fixture import slurm_without_accounting as slurm_without_accounting

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in a shell's background
settings.register_profile("busy", deadline=None)  # a machine that does other work is no failure
settings.load_profile("busy")
