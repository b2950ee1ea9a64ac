"""The recipe of PLNLIN-MCDDL and the rows of its paper's tables 3 to 7. Knows no training step.

As printed: crops of 112×112, batches of 2, Adam at 1e-4, divided by 10 after 300 and after 400 of 500 epochs. 450,000 steps are 500 epochs
of Rain200H's 1,800 pairs; other sets take as many steps and not as many epochs. The author scores in RGB.

"Different models have an almost equal number of parameters by adjusting the number of channels": the ablations of the unit (tables
3, 4 and, for the discriminator, 6) set the even width that comes closest, and a test counts them. Table 7's values of r are a picture
in the text at hand; 1, 3, 5, 7 and 9 are here.
"""

from __future__ import annotations

from collections.abc import Mapping

from training.networks import PRESETS
from training.recipes.derain import TRIALS, road_rain
from training.recipes.plnlin import PLNLINMethod
from training.recipes.recipe import Recipe

ABLATIONS: Mapping[str, tuple[str, ...]] = {
    # Table 3.
    "a-without-fusion": ("network.fusion=false", "network.channels=34"),
    "b-concat": ("network.interaction=concat", "network.channels=34"),
    "c-both-local": ("network.branches=local", "network.channels=28"),
    "d-both-non-local": ("network.branches=non-local", "network.channels=38"),
    "e-without-interaction": ("network.interaction=none", "network.channels=36"),
    "f-ours": (),
    # Table 4.
    "local-generator": ("network.unit=local", "network.channels=46"),
    "non-local-generator": ("network.unit=non-local", "network.channels=66"),
    # Table 5.
    "without-hierarchy": ("method.hierarchical=0",),
    # Table 6.
    "local-judge": ("method.judge_unit=local", "method.judge_channels=44"),
    "non-local-judge": ("method.judge_unit=non-local", "method.judge_channels=64"),
    # Table 7.
    **{f"ratio-{ratio}": (f"method.ratio={ratio}",) for ratio in (1, 3, 5, 7, 9)},
    # Figures 7 and 8.
    "traditional": ("method.cross_content=false", "method.sides=false"),
    "multi-scale": ("method.cross_content=false",),
    "without-multi-scale": ("method.sides=false",),
}

RECIPES = (
    Recipe(
        name="plnlin-derain",
        network=PRESETS["plnlin"],
        task="derain",
        summary="Removes rain streaks as PLNLIN-MCDDL does",
        weaknesses=(
            "large drops on the windscreen and splashes on the lens stay",
            "at a picture's borders half of the windows see mirrored places",
        ),
        method=PLNLINMethod(),
        degradation=road_rain,
        trials=TRIALS,
        ablations=ABLATIONS,
        protocol="rgb",
        steps=450_000,
        batch=2,
        patch=112,
        learning_rate=1e-4,
        schedule="plnlin-steps",
        warm_up=0,
        ema=0.0,
    ),
)
