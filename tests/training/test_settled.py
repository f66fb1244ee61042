"""Keys of the recipe among the other options: which wins, what contradicts, how a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import StriateError
from striate.recipes.recipe import Recipe
from striate.recipes.settings import set_in
from striate.training import assemble

#: Few images halve the batch and with it the rate of the recipe, and so does a smaller batch.
GIVEN: dict[str, Any] = {"net": "resnet20", "size": 16, "workers": 0, "precision": "float32"}


@pytest.fixture(scope="module")
def run(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run for which some keys were set."""
    out = tmp_path_factory.mktemp("settled") / "run"
    settings = {"optimiser.weight_decay": 1e-3, "augmentation": {"erasing": 0}, "epochs": 1}
    striate.train(photographs, out=out, set=settings, lr=0.03, batch_size=8, **GIVEN)
    return out


def test_the_run_keeps_what_was_truly_used(run: Path) -> None:
    recipe = striate.open_run(run).config.recipe
    assert isinstance(recipe, Recipe)
    assert (recipe.epochs, recipe.batch_size) == (1, 8)
    assert (recipe.optimiser.rate, recipe.optimiser.weight_decay) == (0.03, 1e-3)
    assert recipe.augmentation.erasing == 0
    assert recipe.augmentation.border == "reflect"  # as modern says of small images
    said = set_in(recipe)
    assert said == (
        "optimiser.weight_decay = 0.001",
        "augmentation.erasing = 0",
        "epochs = 1",
        "optimiser.rate = 0.03",
    )
    assert f"set: {', '.join(said)}" in " ".join(striate.show(run).summary().split())
    assert "<h3>Set for this run</h3><ul><li>optimiser.weight_decay = 0.001</li>" in (
        run / "report.html"
    ).read_text("utf-8")


def test_a_run_goes_on_with_the_same_settings_alone(run: Path) -> None:
    same = {"optimiser.weight_decay": 0.001, "epochs": 1}
    assert striate.train(run, resume=True, set=same, lr=0.03).epochs == 1
    for other, message in (
        ({"set": {"epochs": 2}}, r"`set` epochs = 2: the run to go on with has 1; leave it out"),
        ({"lr": 0.3}, r"`lr` = 0.3: the run to go on with has 0.03"),
    ):
        with pytest.raises(StriateError, match=message):
            striate.train(run, resume=True, **other)  # type: ignore[arg-type]


def test_sizes_that_the_network_does_not_take_are_the_same_when_it_goes_on(
    photographs: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"net": "lenet", "epochs": 1, "workers": 0, "precision": "float32"}
    given["set"] = {"sizes": {"start": 0.5, "end": 0.75, "step": 1}}
    striate.train(photographs, out=tmp_path / "run", **given)
    recipe = striate.open_run(tmp_path / "run").config.recipe
    assert isinstance(recipe, Recipe)
    assert recipe.sizes.start == recipe.sizes.end == 1, "it takes one size alone"
    assert striate.train(photographs, out=tmp_path / "run", resume=True, **given).epochs == 1
    given["set"] = {"sizes.end": 0.8, "sizes.step": 1}
    with pytest.raises(StriateError, match=r"`set` sizes.end = 0.8: the run to go on with has 1"):
        striate.train(photographs, out=tmp_path / "run", resume=True, **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"lr": 0.1, "set": {"optimiser.rate": 0.2}},
            "`lr=0.1`: decides about optimiser.rate, and",
        ),
        ({"epochs": 3, "set": {"epochs": 3}}, "`epochs=3`: decides how many epochs there are, and"),
        ({"minutes": 3, "set": {"epochs": 3}}, "`minutes=3`: decides how many epochs there are"),
        ({"minutes": 3, "epochs": 3}, "so does `epochs=3`; give one of them"),
        ({"batch_size": 3, "set": {"batch_size": 3}}, "so does `set` batch_size; give one"),
        ({"set": {"optimiser.rte": 1}}, "`set` optimiser.rte: .* did you mean 'optimiser.rate'"),
        ({"set": {"epochs": "many"}}, "`set`: epochs = 'many': must be a whole number"),
        ({"lr": 0}, "`lr=0`: must be more than 0"),
        ({"set": "epochs=3"}, "`set` = 'epochs=3': is no mapping of keys; e.g. "),
    ],
)
def test_what_contradicts_itself_is_refused_before_images_are_looked_at(
    given: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "open_data", lambda *_, **__: pytest.fail("looked at images"))
    with pytest.raises(StriateError, match=message):
        striate.train("digits", out=tmp_path / "run", **{**GIVEN, **given})
    assert not (tmp_path / "run").exists()
