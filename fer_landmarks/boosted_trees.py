"""XGBoost whose copies hold its trees as UBJSON, which later versions of XGBoost read."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils.class_weight import compute_sample_weight

from fer_core.extras import require

xgboost: Any = require("xgboost")


class BoostedTrees(xgboost.XGBClassifier):
    """`xgboost.XGBClassifier` that pickles as UBJSON and weighs classes.

    A pickled booster is a memory snapshot that XGBoost promises to read in the version that wrote
    it alone; its UBJSON form is the one that it keeps readable.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        How much a row of each class counts, see `sklearn.utils.class_weight.compute_sample_weight`.
    **options
        Those of `xgboost.XGBClassifier`.
    """

    class_weight: Any = None  # of those that were pickled before there were any

    def __init__(self, *, class_weight: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.class_weight = class_weight

    def get_xgb_params(self) -> dict[str, Any]:
        """Return the parameters that XGBoost itself knows."""
        own: dict[str, Any] = super().get_xgb_params()
        del own["class_weight"]
        return own

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, **options: Any) -> Self:
        """Fit to features X (n, d) with labels y (n,), codes without gaps."""
        if self.class_weight is not None:
            weight = compute_sample_weight(self.class_weight, y)
            sample_weight = weight if sample_weight is None else weight * sample_weight
        fitted: Self = super().fit(X, y, sample_weight=sample_weight, **options)
        return fitted

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and the trees as UBJSON."""
        state = dict(self.__dict__)
        if "_Booster" in state:
            state["_Booster"] = bytes(self.get_booster().save_raw("ubj"))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the trees from UBJSON."""
        state = dict(state)
        if "_Booster" in state:
            booster = xgboost.Booster()
            booster.load_model(bytearray(state["_Booster"]))
            state["_Booster"] = booster
        self.__dict__.update(state)
