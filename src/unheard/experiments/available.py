"""List the experiments. A new one is a module with an `Experiment`, and a line here."""

from __future__ import annotations

from typing import Any

from unheard.experiments.ablation import ABLATION
from unheard.experiments.calibration import CALIBRATION
from unheard.experiments.classical_recommenders import CLASSICAL_RECOMMENDERS
from unheard.experiments.cold_to_warm import COLD_TO_WARM
from unheard.experiments.experiment import Experiment
from unheard.experiments.fairness import FAIRNESS
from unheard.experiments.rivals import RIVALS
from unheard.experiments.thesis.bag_of_tones import BAG_OF_TONES
from unheard.experiments.thesis.leak import LEAK
from unheard.experiments.thesis.run import THESIS

EXPERIMENTS: tuple[Experiment[Any], ...] = (
    THESIS,
    LEAK,
    BAG_OF_TONES,
    CLASSICAL_RECOMMENDERS,
    COLD_TO_WARM,
    FAIRNESS,
    RIVALS,
    ABLATION,
    CALIBRATION,
)
