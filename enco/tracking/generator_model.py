"""Log a run's generator as a model of MLflow, which `mlflow.pyfunc.load_model` loads by this project's own reader.

The model is the generator file and a page of YAML, with the signature and the name of this module. So nothing is
pickled, and mirroring loads no weights.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from enco.records import FINISHED_FILE
from enco.tracking.artifacts import Artifacts
from enco.tracking.run_reader import RunFiles
from enco.training.run_files import GENERATOR_FILE

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.models import Model
    from numpy.typing import NDArray

NAME = "generator"
MODEL_FILE = "MLmodel"


def open_generator(client: MlflowClient, run: Run, files: RunFiles) -> LoggedModel | None:
    """Return a finished run's logged model, made without its files if need be; None while there is no generator."""
    if not (files.folder / GENERATOR_FILE).exists() or not (files.folder / FINISHED_FILE).exists():
        return None
    return _find(client, run) or _create(client, run, files)


def put_generator(client: MlflowClient, run: Run, model: LoggedModel, files: RunFiles, home: Path | None) -> None:
    """Put the files of a run's logged model there, and tell the run of its model, where that is not done."""
    if model.status != "READY":
        _put(client, model, files.folder / GENERATOR_FILE, run.info.run_id, home)
        client.finalize_logged_model(model.model_id, "READY")
    if model.model_id not in [output.model_id for output in run.outputs.model_outputs]:
        from mlflow.entities import LoggedModelOutput

        client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, files.state["iteration"])])


def _find(client: MlflowClient, run: Run) -> LoggedModel | None:
    of_run = f"source_run_id = '{run.info.run_id}' AND name = '{NAME}'"
    return next(iter(client.search_logged_models([run.info.experiment_id], of_run, max_results=1)), None)


def _create(client: MlflowClient, run: Run, files: RunFiles) -> LoggedModel:
    config = files.record.config
    params = {"method": config.method, "variant": config.variant, "seed": str(config.seed)}
    tags = {"run_key": files.key, "task": config.task}
    return client.create_logged_model(run.info.experiment_id, NAME, run.info.run_id, tags, params, config.method)


def _put(client: MlflowClient, model: LoggedModel, generator: Path, run_id: str, home: Path | None) -> None:
    artifacts = Artifacts.of_model(client, model, home)
    with TemporaryDirectory() as folder:
        about = Path(folder) / MODEL_FILE
        _about(model, run_id).save(str(about))
        if artifacts.folder:
            artifacts.put({MODEL_FILE: about, GENERATOR_FILE: generator})
        else:
            about.with_name(GENERATOR_FILE).symlink_to(generator)
            client.log_model_artifacts(model.model_id, folder)


def _about(model: LoggedModel, run_id: str) -> Model:
    """Describe the model: float images, B x 3 x H x W in [-1, 1], in and out."""
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    images = Schema([TensorSpec(np.dtype(np.float32), (-1, 3, -1, -1))])
    signature = ModelSignature(inputs=images, outputs=images)
    about = Model(run_id=run_id, model_id=model.model_id, signature=signature, artifact_path=NAME)
    return about.add_flavor("python_function", loader_module=__name__, data=GENERATOR_FILE)


def _load_pyfunc(path: str) -> Any:
    """Load the generator file of a logged model, as MLflow's `pyfunc` asks for by this name."""
    from enco.methods.parts.generator_file import load_generator

    return _Translator(load_generator(path))


class _Translator:
    """A generator with the method that MLflow calls."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator

    def predict(self, images: NDArray[np.float32], params: dict[str, Any] | None = None) -> NDArray[np.float32]:
        import torch

        return self.generator(torch.from_numpy(images)).numpy()
