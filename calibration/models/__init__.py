# SPDX-License-Identifier: EUPL-1.2
"""The table of models. Adding one means adding a file of the same shape and a line here.

Names come in (of a command, or of a record), classes and fitted models go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibration.errors import BadInput, BadRecord
from calibration.models.base import Envelope, Estimate, Fitted, Prediction, Training
from calibration.models.blend import GuardedBlend
from calibration.models.line import HuberLine
from calibration.models.ratio import Ratio
from calibration.models.ridge import RidgeInteractions, RidgeLinear

_ALL: tuple[type[Fitted], ...] = (Ratio, HuberLine, RidgeLinear, RidgeInteractions, GuardedBlend)
MODELS: dict[str, type[Fitted]] = {model.name: model for model in _ALL}

__all__ = ["MODELS", "Envelope", "Estimate", "Fitted", "Prediction", "Training", "model_from_json", "model_named"]


def model_named(name: str) -> type[Fitted]:
    """The class of a model."""
    if name not in MODELS:
        raise BadInput(f"There is no model {name!r}.", f"Choose one of: auto, {', '.join(MODELS)}.")
    return MODELS[name]


def model_from_json(data: Mapping[str, Any]) -> Fitted:
    """A fitted model from what its `to_json` gave."""
    name = data.get("name")
    if name not in MODELS:
        raise BadRecord(f"This record uses the model {name!r}, which this version lacks.", "Update citimeasure.")
    return MODELS[str(name)].from_json(data)
