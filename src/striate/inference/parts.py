"""Files with several pre-processings inside, opened so that each network is computed by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from striate.errors import StriateError
from striate.inference.classifier import Classifier
from striate.inference.ensemble import EnsembleClassifier, EnsembleRegressor
from striate.inference.regressor import Regressor
from striate.inference.views.views import PLAIN, Views

if TYPE_CHECKING:
    from striate.data.preprocessing import Preprocessing
    from striate.engines.exported import ExportedFile
    from striate.engines.session import Session

One = TypeVar("One", Classifier, Regressor)


def open_parts(
    file: ExportedFile,
    *,
    engine: str = "auto",
    batch_size: int | None = None,
    views: Views = PLAIN,
) -> EnsembleClassifier:
    """A classifier of a file with several pre-processings, each of which is computed by itself.

    Args:
        file: with its graph.
        engine: as for `Classifier.of_file`.
        batch_size: as for `Classifier.of_file`.
        views: of each image, of whatever each network sees.

    Raises:
        ExportError: as `Classifier.of_file`.
        StriateError: as `Classifier.of_file`.
    """
    opened = _opened_parts(
        file,
        lambda session, own: Classifier(session, own, file.classes, views=views),
        engine=engine,
        batch_size=batch_size,
    )
    shares = [part.share for part in file.parts]
    about = replace(file, graph=b"")  # the engine has it, and it may be large
    return EnsembleClassifier(opened, shares, file.temperature, file=about)


def open_number_parts(
    file: ExportedFile,
    *,
    engine: str = "auto",
    batch_size: int | None = None,
    views: Views = PLAIN,
) -> EnsembleRegressor:
    """`open_parts` of a file that answers with numbers; without intervals but for plain `views`.

    Raises:
        ExportError: as `Classifier.of_file`.
        StriateError: as `Classifier.of_file`.
    """
    targets = [each.plain for each in file.targets]
    opened = _opened_parts(
        file,
        lambda session, own: Regressor(session, own, targets, views=views),
        engine=engine,
        batch_size=batch_size,
    )
    shares = [part.share for part in file.parts]
    intervals = tuple(each.intervals for each in file.targets) if views.is_plain else ()
    return EnsembleRegressor(opened, shares, intervals, file=replace(file, graph=b""))


def _opened_parts(
    file: ExportedFile,
    opener: Callable[[Session, Preprocessing], One],
    *,
    engine: str,
    batch_size: int | None,
) -> list[One]:
    """What `opener` makes of each part of `file`, in an engine; all or none."""
    opened: list[One] = []
    try:
        for part in file.parts:
            session = file.part_session(part, engine, batch_size=batch_size)
            try:
                opened.append(opener(session, part.preprocessing))
            except StriateError:
                session.close()
                raise
    except StriateError:
        for each in opened:
            each.close()
        raise
    return opened
