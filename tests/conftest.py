"""Fixtures that several tests share."""

from hypothesis import settings

from slurm_fixture import slurm as slurm
from slurm_fixture import slurm_without_accounting as slurm_without_accounting
from tests.shop import shop as shop

settings.register_profile("busy", deadline=None)  # a machine that does other work is no failure
settings.load_profile("busy")
