"""Classifiers and regressors as people use them: what they learn, refuse and keep."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import striate
from striate.data.finding import named
from striate.errors import DataError
from striate.runs.run import Run
from striate.sklearn import ImageClassifier, ImageRegressor

Digits = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def fitted(backbone: Path, digits: Digits) -> ImageClassifier:
    return ImageClassifier(backbone=backbone).fit(*digits)


def test_files_make_the_run_that_a_transfer_of_their_folder_makes(
    backbone: Path, photographs: Path, tmp_path: Path
) -> None:
    files = sorted(photographs.rglob("*.jpg"))
    labels = [file.parent.name for file in files]
    classifier = ImageClassifier(backbone=backbone, head="svm").fit(files, labels)
    made = striate.transfer(
        photographs, backbone=backbone, head="svm", export=False, out=tmp_path / "run"
    )
    own, other = Run.open(classifier.run_), Run.open(made.run)
    assert own.config.data.fingerprint == other.config.data.fingerprint
    assert own.evaluation == other.evaluation
    assert classifier.classes_.tolist() == list(other.classes)
    with striate.open_classifier(made.run) as opened:
        expected = opened.probabilities(list(map(str, files)))
    np.testing.assert_array_equal(classifier.predict_proba(files), expected)
    likeliest = classifier.classes_[expected.argmax(1)]
    assert classifier.predict([*files[5:], *files[:5]])[-5:].tolist() == likeliest[:5].tolist()
    assert not (classifier.run_ / "report.html").exists()


def test_a_network_learns_what_train_has_it_learn(tmp_path: Path) -> None:
    name = "shapes:images=40,size=32"
    part = named.load(name).parts["train"]
    given = {"net": "lenet", "epochs": 1, "batch_size": 8, "seed": 3}
    classifier = ImageClassifier(**given, report=True)
    classifier.fit(part.images, part.labels)  # type: ignore[union-attr]
    made = striate.train(name, out=tmp_path / "run", **given)  # type: ignore[arg-type]
    ours, theirs = (Run.open(run).network().state_dict() for run in (classifier.run_, made.run))
    assert all(bool((ours[key] == theirs[key]).all()) for key in theirs)
    assert (classifier.run_ / "report.html").exists()
    with pytest.raises(DataError, match="were in the memory of a program"):
        striate.evaluate(classifier.run_)


def test_scikit_learn_s_tools_take_them(backbone: Path, digits: Digits) -> None:
    images, labels = digits
    dark = images[:40].mean((1, 2))
    assert cross_val_score(ImageRegressor(backbone=backbone), images[:40], dark, cv=2).min() > 0
    double = FunctionTransformer(lambda pixels: np.repeat(pixels, 2, axis=1))
    piped = make_pipeline(double, ImageClassifier(backbone=backbone))
    search = GridSearchCV(piped, {"imageclassifier__head": ["softmax", "svm"]}, cv=2, refit=False)
    search.fit(images[:40], labels[:40])
    assert search.cv_results_["mean_test_score"].min() > 0.5


def test_numbers_have_names_and_units_and_as_many_columns_as_were_given(
    backbone: Path, digits: Digits
) -> None:
    images, labels = digits
    dark = images.mean((1, 2))
    regressor = ImageRegressor(backbone=backbone, target="ink (%)").fit(images, dark)
    assert regressor.predict(images).shape == (60,)
    assert regressor.score(images, dark) > 0.5
    assert [each.described for each in Run.open(regressor.run_).targets] == ["ink (%)"]
    both = np.stack([dark, labels == "one"], axis=1)
    regressor = clone(regressor).set_params(target=None, head="svr").fit(images, both)
    assert regressor.predict(images[:7]).shape == (7, 2)
    assert regressor.targets_ == ["target1", "target2"]
    with pytest.raises(ValueError, match=r"names 1 numbers, and y has 2"):
        ImageRegressor(backbone=backbone, target="ink").fit(images, both)


def test_what_was_fitted_is_the_same_pickled_and_saved(
    fitted: ImageClassifier, digits: Digits, tmp_path: Path
) -> None:
    images, _ = digits
    expected = fitted.predict_proba(images)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(images), expected)
    folder = again.run_
    del again
    assert not folder.exists()
    saved = fitted.save(tmp_path / "kept")
    with striate.open_classifier(saved) as opened:
        np.testing.assert_array_equal(opened.probabilities(images[..., None]), expected)
    with pytest.raises(ValueError, match="kept"):
        fitted.save(saved)
    assert not hasattr(clone(fitted), "run_")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"net": "lenet", "head": "svm"}, r"`head='svm'`: is of a head on a backbone; leave `net`"),
        ({"size": 64}, r"`size=64`: is of a network that is trained; give `net`"),
        ({"net": "lenett"}, "did you mean 'lenet'"),
        ({"net": "mine.py:Net"}, "`net`: is a network of one's own, which an estimator does not"),
        ({"head": "svmm"}, "did you mean 'svm'"),
        ({"epochs": 3}, "has no meaning where the backbone is frozen"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    backbone: Path, digits: Digits, given: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        ImageClassifier(backbone=None if "net" in given else backbone, **given).fit(*digits)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_what_cannot_be_learnt_from_is_refused(backbone: Path, digits: Digits) -> None:
    images, labels = digits
    classifier = ImageClassifier(backbone=backbone)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier.fit(images, labels[:-1])
    with pytest.raises(ValueError, match=r"y: holds one class only \(one\)"):
        classifier.fit(images, ["one"] * 60)
    with pytest.raises(ValueError, match=r"X: no class has two .* held out; give more images$"):
        classifier.fit(images[[0, 0, 1, 1]], [0, 0, 1, 1])
    with pytest.raises(ValueError, match="is of a network that is trained"):
        ImageRegressor(backbone=backbone, loss="huber").fit(images, np.arange(60))


def test_a_bad_file_is_named_or_left_out(backbone: Path, photographs: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad 玫瑰.jpg"
    bad.write_bytes(b"nothing")
    files = [*sorted(photographs.rglob("*.jpg")), bad]
    labels = [file.parent.name for file in files[:-1]] + ["red"]
    with pytest.raises(ValueError, match=r"bad 玫瑰\.jpg"):
        ImageClassifier(backbone=backbone).fit(files, labels)
    classifier = ImageClassifier(backbone=backbone, skip_bad=True).fit(files, labels)
    with pytest.raises(ValueError, match=r"bad 玫瑰\.jpg"):
        classifier.predict(files)


def test_striate_needs_no_estimators() -> None:
    code = "import sys, striate; print('sklearn' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
