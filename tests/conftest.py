"""Fixtures that several tests share."""

import os

from hypothesis import settings

from slurm_fixture import slurm as slurm
from slurm_fixture import slurm_without_accounting as slurm_without_accounting
from tests.support.archive_server import shop as shop

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when MLflow is imported
settings.register_profile("busy", deadline=None)  # a machine that does other work is no failure
settings.load_profile("busy")
