"""Labels that were made wrong are found by heads that were not fitted to them."""

from __future__ import annotations

import numpy as np
import pytest

from striate.transfer_learning.doubts import training_doubts
from striate.transfer_learning.heads.fit import fit_head


@pytest.mark.parametrize("kind", ["softmax", "svm", "svm-rbf"])
def test_wrong_labels_are_found(kind: str) -> None:
    random = np.random.default_rng(2)
    true = np.repeat(np.arange(3), 40)
    features = (random.normal(size=(120, 12)) + 7 * np.eye(3, 12)[true]).astype(np.float32)
    labels, wrong = true.copy(), random.choice(120, 8, replace=False)
    labels[wrong] = (labels[wrong] + 1) % 3
    fitted = fit_head(kind, features[:, None], labels, ["a", "b", "c"])
    assert sorted(fitted.held.tolist()) == list(range(120))
    np.testing.assert_allclose(fitted.held_shares.sum(1), 1, atol=1e-5)
    hits = fitted.held_shares.argmax(1) == labels[fitted.held]
    assert fitted.chosen.accuracy == pytest.approx(hits.mean(), abs=0.02)
    found = training_doubts(fitted, features, labels)
    assert found["images"] == 120
    shown = [each["image"] for each in found["shown"]]
    assert set(shown) <= set(wrong.tolist())
    assert len(shown) >= 5
    for each in found["shown"]:
        assert each["label"] == labels[each["image"]]
        assert len(each["nearby"]) == 10
        own = features[each["image"]] - features.mean(0)
        others = features - features.mean(0)
        cosines = others @ own / np.linalg.norm(others, axis=1) / np.linalg.norm(own)
        assert each["nearby"] == labels[np.argsort(-cosines)[1:11]].tolist()


def test_nothing_can_be_held_out_of_one_image_a_class() -> None:
    features = np.eye(3, 5, dtype=np.float32)
    fitted = fit_head("softmax", features, np.arange(3), ["a", "b", "c"])
    assert training_doubts(fitted, features, np.arange(3)) == {
        "images": 0,
        "doubted": 0,
        "shown": [],
    }
