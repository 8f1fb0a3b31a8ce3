"""The tables that README and docs can show, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.growth_points import Point
from benchmarks.growth_report import growth_table
from benchmarks.native import NATIVE, native_table
from benchmarks.networks import networks_table
from benchmarks.parity import parity_table
from benchmarks.peers import rows_table
from benchmarks.results import Result, load_results, load_study
from benchmarks.robustness import drops_table
from benchmarks.studies import AGREEMENT, CONTRIBUTIONS, PAIRS, WAYS
from benchmarks.study_tables import (
    agreement_table,
    differences_table,
    families_added_table,
    live_table,
    members_added_table,
    pairs_table,
    published_table,
    sure_table,
    ways_table,
)
from benchmarks.tables import (
    Table,
    classes_table,
    details_table,
    members_table,
    models_table,
    schemes_table,
    votes_table,
)
from fer_cnn import RECIPES
from fer_cnn.weights import NONE
from fer_core.errors import DataError


def _members(result: Result) -> Table:
    if "members" not in result.model:
        raise DataError(f"'{result.name}' is no ensemble and has no members; name one that is")
    return members_table(result)


#: Made from the results of a dataset's models.
RESULT_TABLES: Mapping[str, Callable[[Sequence[Result]], Table]] = {
    "models": models_table,
    "details": details_table,
    "classes": lambda results: classes_table(results[0]),
    "schemes": schemes_table,
    "votes": votes_table,
    "members": lambda results: _members(results[0]),
    "sure": sure_table,
}

#: Made from a study: its name, and what makes the table.
STUDY_TABLES: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Table]]] = {
    "pairs": (PAIRS, pairs_table),
    "ways": (WAYS, ways_table),
    "members-added": (CONTRIBUTIONS, members_added_table),
    "families-added": (CONTRIBUTIONS, families_added_table),
    "agreement": (AGREEMENT, agreement_table),
    "differences": (AGREEMENT, differences_table),
    "native": (NATIVE, native_table),
    "parity": ("parity", parity_table),
    "robustness": ("robustness", lambda content: drops_table(content["models"])),
    "peers-crops": ("peers", lambda content: rows_table(content["rows"], "crops")),
    "peers-frames": ("peers", lambda content: rows_table(content["rows"], "frames")),
    "speed": ("speed", live_table),
    "growth": ("growth", lambda content: growth_table([Point(**p) for p in content["points"]])),
}

#: Of the networks of a dataset and of its other label schemes; other people's figures.
NETWORKS_TABLE, PUBLISHED_TABLE = "networks", "published"

#: Recipes of other projects, which have a row whether they were trained or not.
_OTHERS_RECIPES = [
    recipe
    for recipe in RECIPES.values()
    if recipe.published or recipe.weights != NONE or recipe.scheme != "fer7"
]


def make_table(name: str, results: Path, source: str) -> Table:
    """Return a table of committed results.

    Parameters
    ----------
    name : str
        ``DATASET/TABLE``, or ``DATASET/TABLE/MODEL,MODEL`` of some models alone.
    results : Path
        Folder with a folder of result files a dataset.
    source : str
        The text that shows it, for messages.

    Raises
    ------
    DataError
        If there is no such table, or nothing to make it from.
    """
    dataset, _, rest = name.partition("/")
    kind, _, models = rest.partition("/")
    folder = results / dataset
    if kind == NETWORKS_TABLE:
        natives = {p.name: load_results(p) for p in sorted((folder / "native").glob("*"))}
        networks = networks_table(load_results(folder), natives, _OTHERS_RECIPES)
        if networks is None:
            raise DataError(f"{source}: table '{name}': no networks in {folder}")
        return networks
    if kind == PUBLISHED_TABLE:
        published = published_table(dataset)
        if published is None:
            raise DataError(f"{source}: table '{name}': no published figures for '{dataset}'")
        return published
    if kind in STUDY_TABLES:
        study, table = STUDY_TABLES[kind]
        content = load_study(folder / "studies" / f"{study}.json")
        if content is None:
            raise DataError(f"{source}: table '{name}': no study '{study}' in {folder}")
        return table(content)
    if kind not in RESULT_TABLES:
        known = ", DATASET/".join([*RESULT_TABLES, *STUDY_TABLES, NETWORKS_TABLE, PUBLISHED_TABLE])
        raise DataError(f"{source}: there is no table '{name}'; known: DATASET/{known}")
    found = load_results(folder)
    if not found:
        raise DataError(f"{source}: table '{name}': no results in {folder}")
    measured = [r.name for r in found]
    wanted = models.split(",") if models else measured
    if missing := [model for model in wanted if model not in measured]:
        raise DataError(f"{source}: table '{name}': no results of '{missing[0]}' in {folder}")
    return RESULT_TABLES[kind]([r for r in found if r.name in wanted])
