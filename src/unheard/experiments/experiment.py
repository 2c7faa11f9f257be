"""Define what an experiment is: options, a run, tables and a summary, stored as one JSON file.

An experiment is a value of `Experiment`, listed in `available.py`; the command line builds its command from `options`.
A file W/experiments/<name>.json holds `title`, `about` (the summary), `tables` and `findings`, which the report reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

from unheard.atomic_files import write_json
from unheard.checksums import read_sealed
from unheard.errors import UserError
from unheard.evaluate.result_tables import Table
from unheard.progress import Progress, silent
from unheard.workspace import Workspace

Findings = dict[str, Any]  # plain data that JSON can hold
Options = TypeVar("Options")


@dataclass(frozen=True)
class Option:
    """Help and bounds of one field of an options class, given as `Annotated[int, Option("...", minimum=1)]`.

    default_text  shown instead of a default of None, which means something that cannot be written down
    above         exclusive lower bound
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    default_text: str = ""

    def allows(self, value: float) -> bool:
        """Return whether a number is within the bounds."""
        return (
            (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.above is None or value > self.above)
        )

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum} to {self.maximum}"
        words = {"at least": self.minimum, "above": self.above, "at most": self.maximum}
        return "a number " + ", ".join(f"{word} {bound}" for word, bound in words.items() if bound is not None)


Seed = Annotated[int, Option("Seed of weights, batches, random ties and the bootstrap.", minimum=0)]
Models = Annotated[tuple[str, ...], Option("Trained models or baselines, with commas between them.")]
Device = Annotated[str, Option("auto, cpu, cuda, cuda:1, ...")]


@dataclass(frozen=True)
class Experiment(Generic[Options]):
    """One question that trainings and measurements answer.

    title      heading of its tables in the report
    help       one line for the command line
    options    frozen dataclass with defaults; fields with an `Option` are options of the command
    run        (workspace, split, options, progress) -> findings. `split` None is the default split. A run that takes
               long saves what it has found so far with `save`, and reads it again with `load`
    tables     findings -> tables
    summary    findings -> a paragraph: how to read the tables, and the result
    curves     findings -> plots of the report, as `unheard.report.stored_results.Curves` names their fields
    plan       options -> what would be run, as rows of plain data; needs no workspace
    per_split  whether each split has a file of its own, <name>-<split>.json
    """

    name: str
    title: str
    help: str
    options: type[Options]
    run: Callable[[Workspace, str | None, Options, Progress], Findings]
    tables: Callable[[Findings], list[Table]]
    summary: Callable[[Findings], str]
    curves: Callable[[Findings], list[dict[str, Any]]] | None = None
    plan: Callable[[Options], list[dict[str, Any]]] | None = None
    per_split: bool = False


def run_experiment(
    experiment: Experiment[Options],
    workspace: Workspace,
    split: str | None,
    options: Options,
    *,
    progress: Progress = silent,
) -> Findings:
    """Run an experiment, save its findings and return them; UserError for an option out of bounds."""
    check(options)
    findings = experiment.run(workspace, split, options, progress)
    save(experiment, workspace, findings)
    return findings


def documented(options: type[Any]) -> Iterator[tuple[Field[Any], Any, Option]]:
    """Yield (field, type, option) of every field of an options class that has an `Option`."""
    hints = get_type_hints(options, include_extras=True)
    for field in fields(options):
        kind, *notes = get_args(hints[field.name]) if hasattr(hints[field.name], "__metadata__") else [None]
        for note in notes:
            if isinstance(note, Option):
                yield field, kind, note


def check(options: object) -> None:
    """Raise UserError for a number that is out of its bounds."""
    for field, _, option in documented(type(options)):
        value = getattr(options, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not option.allows(value):
            raise UserError(f"--{field.name}: expected {option.bounds}, found {value}")


def save(experiment: Experiment[Any], workspace: Workspace, findings: Findings) -> None:
    """Write title, summary, tables and findings to the experiment's file."""
    content: dict[str, Any] = {"title": experiment.title, "about": experiment.summary(findings)}
    content["tables"] = [vars(table) for table in experiment.tables(findings)]
    if experiment.curves is not None:
        content["curves"] = experiment.curves(findings)
    split = findings["split"] if experiment.per_split else ""
    write_json(path_of(experiment, workspace, split), content | {"findings": findings}, indent=1)


def load(experiment: Experiment[Any], workspace: Workspace) -> Findings:
    """Return the findings of an earlier run; {} if there are none, or if the file is damaged."""
    try:
        content = read_sealed(path_of(experiment, workspace))
        return dict(content["findings"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def path_of(experiment: Experiment[Any], workspace: Workspace, split: str = "") -> Path:
    """Return the path of the experiment's file."""
    return workspace.experiment_path(f"{experiment.name}-{split}" if split else experiment.name)
