"""XGBoost whose copies hold its trees as UBJSON, which later versions of XGBoost read."""

from __future__ import annotations

from typing import Any

from fer_core.extras import require

xgboost: Any = require("xgboost")


class BoostedTrees(xgboost.XGBClassifier):
    """`xgboost.XGBClassifier` that pickles as UBJSON.

    A pickled booster is a memory snapshot that XGBoost promises to read in the version that wrote
    it alone; its UBJSON form is the one that it keeps readable.
    """

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
