"""The models that the benchmark can fit, by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from benchmarks.candidates import TTA, TTA_ENDING, Candidate, Classical, Network, Stored
from benchmarks.cleaned import CLEANED
from fer_core.errors import DataError, MissingExtraError
from fer_core.extras import how_to_install
from fer_core.lookup import look_up
from fer_core.model_store import ModelStore

#: Names of the ensembles, which are made of whatever else was fitted: the best one, the best that
#: is fast enough for video, and where there are two families, the best of each.
ENSEMBLE, ENSEMBLE_LIVE = "ensemble", "ensemble-live"
ENSEMBLE_LANDMARKS, ENSEMBLE_CNN = "ensemble-landmarks", "ensemble-cnn"
ENSEMBLES = (ENSEMBLE, ENSEMBLE_LIVE, ENSEMBLE_LANDMARKS, ENSEMBLE_CNN)
CNN = "cnn"

#: What a pipeline's name ends with if it is to fit and predict on mirrored faces, too.
MIRRORED_ENDING = "-mirrored"

#: Recipe of `cnn`, and of `cnn` where the pictures are few.
_RECIPE, _SMALL_RECIPE = "compact", "tiny"


def known_models(
    *,
    seed: int = 0,
    small: bool = False,
    soft_labels: Mapping[str, str] | None = None,
    stored: Sequence[str] = (),
    store: ModelStore | None = None,
) -> dict[str, Candidate]:
    """Return every model that can be asked for by name.

    Parameters
    ----------
    seed : int
        Of everything random in fitting.
    small : bool
        Whether `cnn` is the small network for few pictures.
    soft_labels : dict of str to str or None
        Model to where its soft labels come from.
    stored : sequence of str
        Models that are measured as they are.
    store : ModelStore or None
        Where those are; None for the shipped ones.

    Raises
    ------
    DataError
        If `soft_labels` names a model that there is not, that can't learn from them, or that is
        among those `stored`.
    ModelStoreError
        If there is no stored model of a name.
    """
    from fer_cnn.recipes import RECIPES
    from fer_landmarks.pipelines import list_pipelines, make_pipeline, require_soft_labels

    soft = soft_labels or {}
    table: dict[str, Candidate] = {}
    for pipeline, description in list_pipelines().items():
        make = partial(make_pipeline, pipeline, random_state=seed)
        name = f"{pipeline}{MIRRORED_ENDING}"
        table[pipeline] = Classical(pipeline, make, description, soft.get(pipeline))
        table[name] = Classical(
            name, partial(make, mirror=True), f"{description}; mirrored faces, too", soft.get(name)
        )
    recipe = RECIPES[_SMALL_RECIPE if small else _RECIPE]
    table[CNN] = Network(CNN, recipe.name, seed, recipe.description, soft.get(CNN))
    for recipe in RECIPES.values():
        name = f"{CNN}-{recipe.name}"
        table[name] = Network(
            name, recipe.name, seed, recipe.description, soft.get(name), recipe.scheme
        )
    for name in soft:
        if name in stored:
            raise DataError(
                f"'{name}' is measured as it is stored, and learns no more; leave --stored or "
                "--soft-labels out for it"
            )
        model = look_up(table, name, "model")
        if isinstance(model, Classical):
            require_soft_labels(name, model.make())
    home = store or ModelStore()
    return table | {name: Stored(home.entry(name), home) for name in stored}


def choose_models(
    names: Sequence[str] | None, known: Mapping[str, Candidate], default: Sequence[str]
) -> tuple[list[Candidate], list[str]]:
    """Return the candidates asked for, and sentences on what was left out.

    Parameters
    ----------
    names : sequence of str or None
        None for the default models, without those whose libraries are missing.
    known : dict of str to Candidate
    default : sequence of str

    Raises
    ------
    DataError
        If there is no model of a name, or none is left to fit.
    MissingExtraError
        If a network is asked for by name where TensorFlow is missing.
    """
    asked = [name for name in dict.fromkeys(names or default) if name not in ENSEMBLES]
    chosen: list[Candidate] = []
    left_out = []
    for name in asked:
        candidate = look_up(known, name, "model")
        if isinstance(candidate, Network) and not can_train_networks():
            sentence = (
                f"'{name}' needs TensorFlow to be trained, which is not installed; "
                f"{how_to_install('train')}"
            )
            if names is not None:
                raise MissingExtraError(sentence)
            left_out.append(sentence)
        elif candidate.name not in (c.name for c in chosen):  # a stored model has two names
            chosen.append(candidate)
    if not chosen:
        made = " besides ensembles, which are made of them" if names else ""
        raise DataError(
            f"no model is left to fit or measure; name some{made}, for example "
            f"--models {','.join(default[:2])}"
        )
    return chosen, left_out


def require_chosen(
    option: str,
    names: Iterable[str],
    known: Mapping[str, Candidate],
    candidates: Sequence[Candidate],
) -> None:
    """Refuse an option that names models which are not among those of the run.

    Raises
    ------
    DataError
    """
    for name in names:
        if look_up(known, name, "model") not in candidates:
            chosen = ", ".join(candidate.name for candidate in candidates)
            raise DataError(f"--{option} {name}: it is not among the models of this run ({chosen})")


def augmented_at_test(
    candidates: Sequence[Candidate],
    names: Sequence[str],
    known: Mapping[str, Candidate],
    store: ModelStore,
) -> list[Candidate]:
    """Return candidates that average what some of `candidates` say over several looks.

    Parameters
    ----------
    candidates : sequence of Candidate
        Their names may say that they are fitted on cleaned pictures.
    names : sequence of str
        As they were asked for; a stored model may have another.
    known : dict of str to Candidate
        See `known_models`.
    store : ModelStore
        Where they are once they are finished.

    Raises
    ------
    DataError
        If there is no candidate of a name.
    """
    here = {candidate.name.removesuffix(CLEANED): candidate for candidate in candidates}
    asked = [known[name].name if name in known else name for name in names]
    chosen = [look_up(here, name, "model in this run") for name in dict.fromkeys(asked)]
    return [
        TTA(f"{c.name}{TTA_ENDING}", c.name, store, c.family, c.loader, c.licence) for c in chosen
    ]


def can_train_networks() -> bool:
    """Return whether Keras and TensorFlow are installed, without loading them."""
    return all(importlib.util.find_spec(module) for module in ("keras", "tensorflow"))
