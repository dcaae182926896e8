"""The published generators of config/released.yaml, typed; free of torch, so that planning starts fast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from enco.config.base import SHA256_START, Settings, parse
from enco.config.yaml import read_yaml
from enco.datasets.catalogue import NAME, ArchiveFile
from enco.datasets.obtain import only_user_can_get
from enco.errors import UserError, unknown
from enco.methods import infos

CATALOGUE = Path("config", "released.yaml")
FILES = Path("weights", "released")
"""Where published files are fetched to, or put by hand, each in a folder of its method."""

Printed = Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")]
"""A number with the digits that a paper prints."""
Direction = Literal["forward", "backward"]


class PublishedFile(Settings):
    """One file as a method's authors offer it: a generator, or an archive of several."""

    site: str = Field(description="Who offers it and where, as it stands behind 'get it from'.")
    url: str | None = Field(None, description="Where it can be fetched; null: only the user can get it.")
    original: str = Field("", description="Its name there, where that is another.")
    bytes: int | None = Field(None, ge=1)
    sha256: str = Field("", pattern=SHA256_START, description="Lower-case hex, whole or its start; empty: not known.")


class PublishedGenerator(Settings):
    """The generator of one training, and the tasks whose test images it translates."""

    file: str = Field(description="A name under `files`.")
    members: tuple[str, ...] = Field(
        (), description="Patterns of its files in an archive, matched from the end of a path; empty: the file itself."
    )
    tasks: dict[str, Direction] = Field(min_length=1, description="Task to direction; forward is the first domain's.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the method that keys do not tell.")


class Variant(Settings):
    """A method, or a form of one, whose authors published generators: a row of the table."""

    label: str
    method: str = Field(description="Name in enco.methods.")
    published: str = Field("", description="Row of config/published.csv; empty: the paper prints none.")
    own_paper: dict[str, dict[str, Printed]] = Field(
        default_factory=dict, description="What the method's own paper prints, by task and metric."
    )
    own_source: str = Field("", description="Where `own_paper` stands.")
    generators: tuple[PublishedGenerator, ...] = Field(min_length=1)
    notes: tuple[str, ...] = Field((), description="What a reader of the numbers should know.")

    @model_validator(mode="after")
    def _one_generator_a_task(self) -> Variant:
        tasks = [task for generator in self.generators for task in generator.tasks]
        for task in tasks:
            if tasks.count(task) > 1:
                raise ValueError(f"two generators of {self.label} translate {task}: keep one of them")
        if self.own_paper and not self.own_source:
            raise ValueError("'own_paper' needs 'own_source': say where its numbers stand")
        return self


class Catalogue(Settings):
    """Every published generator."""

    files: dict[Annotated[str, Field(pattern=rf"^{NAME}/[A-Za-z0-9_-][A-Za-z0-9_.-]*$")], PublishedFile]
    variants: dict[Annotated[str, Field(pattern=f"^{NAME}$")], Variant]

    def released(self) -> Iterator[Released]:
        """Yield every generator with its variant and its file."""
        for row, variant in self.variants.items():
            for generator in variant.generators:
                yield Released(row, variant, generator, self.files[generator.file])

    def find(self, key: str) -> Released:
        """Return one generator by its key; UserError, with the valid ones, for an unknown key."""
        known = {one.key: one for one in self.released()}
        if key not in known:
            raise unknown("published generator", key, known)
        return known[key]


@dataclass(frozen=True)
class Released:
    """One published generator, with the row that it belongs to and the file that holds it."""

    row: str
    variant: Variant
    generator: PublishedGenerator
    file: PublishedFile

    @property
    def key(self) -> str:
        """A name that no other generator has: the row's and the first task's."""
        return f"{self.row}-{next(iter(self.generator.tasks))}"

    @property
    def archive(self) -> ArchiveFile:
        """The file by its name in the folder of its method."""
        about = self.file.model_dump(include={"url", "bytes", "sha256"})
        return ArchiveFile(name=PurePosixPath(self.generator.file).name, **about)

    def folder(self, files: Path) -> Path:
        """Return the folder in which the file is looked for, of the folder of all files."""
        return files / PurePosixPath(self.generator.file).parent

    def is_to_be_had(self, files: Path) -> bool:
        """Return whether the file is there, or can be fetched."""
        return not only_user_can_get(self.archive, self.folder(files), None)

    def request(self, files: Path) -> str:
        """Ask for a file that cannot be fetched, in one sentence."""
        path = files / self.generator.file
        what = self.file.original or path.name
        return (
            f"{path} is missing and cannot be fetched without you: get {what} from {self.file.site} and put it there."
        )


def load_catalogue(path: Path) -> Catalogue:
    """Read every published generator.

    Raises UserError if the file is missing or wrong: an unknown method, option or file, or a generator named twice.
    """
    found = parse(Catalogue, read_yaml(path, str(CATALOGUE)), str(path))
    methods = infos()
    for row, variant in found.variants.items():
        where = f"variant {row} of {path}"
        if variant.method not in methods:
            raise unknown("method", variant.method, methods, where)
        for generator in variant.generators:
            if generator.file not in found.files:
                raise unknown("file", generator.file, found.files, where)
            parse(methods[variant.method].Options, generator.options, f"the options of {where}")
    keys = [one.key for one in found.released()]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"Two generators of {path} have the key '{key}': rename one of their variants.")
    return found
