"""Run every step on one data folder and write a Markdown page: commands, headline metrics, every table, one list.

    python bench/results.py DATA_DIR WORKSPACE -o docs/results/NAME.md --title "..." --listeners simulated

DATA_DIR holds tracks.csv, playlists.csv, optionally splits.json, and the audio that tracks.csv names. WORKSPACE is
made, or continued: finished steps are not repeated.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from unheard.evaluate.evaluate import evaluate
from unheard.evaluate.result_tables import Table, to_markdown
from unheard.evaluate.summary import summaries
from unheard.session import Session
from unheard.workspace import Workspace

UNHEARD = Path(sys.executable).with_name("unheard")
REFERENCE = ("--dim", "64", "--alpha", "20", "--regularization", "0.05", "--iterations", "20")


def main() -> None:
    options = parse()
    ran: list[str] = []

    def run(command: str, *words: str | Path) -> str:
        """Run one command, and note it with DATA_DIR and W instead of the folders."""
        shown = " ".join(["unheard", command, "-w", "W", *(str(word) for word in words)])
        ran.append(shown.replace(str(options.data), "DATA_DIR"))
        print("$", ran[-1], flush=True)
        arguments = [UNHEARD, command, "-w", options.workspace, *words]
        return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout

    run("init")
    run("scan", options.data / "tracks.csv")
    failures = json.loads(run("errors", "--json"))
    run("import", options.data / "playlists.csv")
    given = options.data / "splits.json"
    run("split", *(("--file", given) if given.exists() else ()))
    for split in options.splits:
        run("factors", "--split", split, *REFERENCE)
        for seed in range(options.seeds):
            for recipe in options.recipes:
                run("train", recipe, "--split", split, "--seed", str(seed))
        for recipe in options.once:
            run("train", recipe, "--split", split)
        run("evaluate", "--split", split, "--json", options.output.with_name(f"{options.output.stem}-{split}.json"))
    workspace = Workspace.open(options.workspace)
    parts = [
        f"# {options.title}\n",
        f"Listeners are **{options.listeners}**. {options.note}\n".replace("  ", " "),
        state_of(workspace, failures),
        "```\n" + "\n".join(ran) + "\n```\n",
    ]
    details = []
    for split in options.splits:
        results = evaluate(workspace, split)
        parts += [markdown(table) for table in summaries(results)]
        details.append(to_markdown(results).replace("\n## ", "\n### ").replace("# Split", "## Split", 1))
    parts.append(one_list(workspace, options.splits[0]))
    options.output.write_text("\n".join([*parts, *details]), encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--title", required=True)
    parser.add_argument("--listeners", choices=("simulated", "real"), required=True)
    parser.add_argument("--note", default="")
    parser.add_argument("--splits", nargs="+", default=["artists", "tracks"])
    parser.add_argument("--recipes", nargs="*", default=["triplet", "bag-of-tones"], help="trained with every seed")
    parser.add_argument("--once", nargs="*", default=["cnn", "triplet-offline"], help="trained with seed 0 only")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def state_of(workspace: Workspace, failures: list[dict[str, str]]) -> str:
    from unheard.cli.status import describe

    state = describe(workspace)
    skipped = ", ".join(f"{failure['reason']}: {Path(failure['path']).name}" for failure in failures) or "none"
    return (
        f"{state['tracks']} tracks, {state['playlists']} playlists, {state['plays']} entries. Skipped files: {skipped}."
        " Commands (the JSON files in this folder have the unrounded figures):\n"
    )


def markdown(table: Table) -> str:
    lines = [
        f"**{table.title}**",
        "",
        "| " + " | ".join(table.columns) + " |",
        "|---" + "|---:" * (len(table.columns) - 1) + "|",
    ]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in table.rows)]) + "\n"


def one_list(workspace: Workspace, split: str) -> str:
    """Return ten cold tracks for the first playlist, with explanations."""
    session = Session(workspace.root, split=split)
    playlist = session.catalogue.playlists[0]
    found = session.recommendations(playlist=playlist)
    lines = [f"{item.rank}. {item.label} ({item.score:.3f}) - {item.why}" for item in found]
    command = f"`unheard recommend -w W --split {split} --playlist {playlist}`"
    return "\n".join([f"## Ten new tracks for playlist {playlist}, by {session.model}", "", command, "", *lines, ""])


if __name__ == "__main__":
    main()
