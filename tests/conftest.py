"""Fixtures that several tests share."""

from slurm_fixture import slurm as slurm
from slurm_fixture import slurm_without_accounting as slurm_without_accounting
