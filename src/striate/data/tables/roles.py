"""Which column of a table names the files, which one answers, and which one splits."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from striate.data.decoding.formats import kind_of_name
from striate.data.finding.split_names import read_split_name
from striate.data.tables.table import Table, cell
from striate.data.targets import Answers, Target
from striate.errors import DataError, nearest, parameter

# By usual names, the likeliest first, without blanks, hyphens and underscores.
_FILE_NAMES = (
    "filename file filepath imagefile imagefilename imagepath imgpath imagename imgname path image "
    "img photo picture pic fname 文件名 文件 图片 圖片 路径 name imageid imgid id"
)
_LABEL_NAMES = (
    "labelname classname categoryname label class category labels classlabel target species breed "
    "tag labelid classid categoryid y 标签 標籤 类别 類別 分类"
)
_FILES, _LABELS = tuple(_FILE_NAMES.split()), tuple(_LABEL_NAMES.split())
_SPLITS = ("split", "subset", "partition")
_PERHAPS_SPLITS = ("set", "phase", "usage", "dataset", "datasplit", "fold", "划分")
_WITH_UNIT = re.compile(r"(?P<name>.*\S)\s*[(\[](?P<unit>[^()\[\]]*)[)\]]")
_LARGEST = 1e30  # networks compute in float32, whose squares have to be finite in float64
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What the columns of a table are.

    Attributes:
        file: names the files.
        label: names the classes; empty where numbers are predicted.
        targets: the numbers to predict, each with its column.
        split: names the parts of the data; empty where none does.
        sure: whether a person has said that `label` names classes.
        notes: what a person should know of how they were found.
    """

    file: str
    label: str = ""
    targets: tuple[tuple[str, Target], ...] = ()
    split: str = ""
    sure: bool = False
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, each once."""
        wanted = [self.file, self.label, *(column for column, _ in self.targets), self.split]
        return tuple(dict.fromkeys(name for name in wanted if name))


def roles_in(table: Table, answers: Answers) -> Roles:
    """What the columns of `table` are, for a person who wants those `answers`.

    Raises:
        DataError: a column is not there, or it cannot be known which one is meant.
    """
    file = _file_column(table)
    split = _split_column(table, file)
    if answers.targets:
        targets = tuple(_target(table, answers, place) for place in range(len(answers.targets)))
        _refuse_alike(table, answers, targets)
        notes = tuple(filter(None, (_other_unit(column, target) for column, target in targets)))
        return Roles(file=file, targets=targets, split=split, notes=notes)
    wanted = answers.label
    if wanted is None and answers.usual and answers.usual in table.columns:
        wanted = answers.usual
    if wanted is not None:
        label = _named(table, wanted, "label")
        return Roles(file=file, label=label, split=split, sure=True)
    others = _others(table, file, split)
    label = _called(others, _LABELS)
    if label:
        if why := table.why_not(label):
            raise table.in_column(label, why, "give each file one label, as text")
        return Roles(file=file, label=label, split=split)
    return Roles(file=file, label=_only(table, others), split=split)


def is_labelled(table: Table, answers: Answers) -> bool:
    """Whether a column of `table` is asked for, or called as those with classes are.

    Raises:
        DataError: it cannot be known which one names the files.
    """
    if answers.targets or answers.label is not None:
        return True
    if answers.usual and answers.usual in table.columns:
        return True
    file = _file_column(table)
    return bool(_called(_others(table, file, _split_column(table, file)), _LABELS))


def _others(table: Table, file: str, split: str) -> list[str]:
    return [name for name in table.columns if name not in (file, split, "")]


def number(text: str) -> float | None:
    """The number that a cell holds, or None.

    Examples:
        >>> number("-1.5e3"), number("1,5"), number("nan"), number("")
        (-1500.0, None, None, None)
    """
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def too_large(value: float) -> str:
    """Why a number of a cell cannot be predicted; empty where it can.

    Examples:
        >>> too_large(-1e300), too_large(1e9)
        ('is too large: numbers up to 1e+30 are read', '')
    """
    return f"is too large: numbers up to {_LARGEST:g} are read" if abs(value) > _LARGEST else ""


def name_and_unit(column: str) -> tuple[str, str]:
    """What a column holds, and the unit that its name gives.

    Examples:
        >>> name_and_unit("age (years)"), name_and_unit("tilt[deg]"), name_and_unit("(x)")
        (('age', 'years'), ('tilt', 'deg'), ('(x)', ''))
    """
    found = _WITH_UNIT.fullmatch(column)
    return (found["name"], found["unit"].strip()) if found else (column, "")


def asks(table: Table, column: str, why: str) -> DataError:
    """An error for a column of numbers that could be classes or values."""
    remedy = (
        f"to predict the number give {parameter('target', name_and_unit(column)[0])}, to take each "
        f"for a class {parameter('label', column)}"
    )
    return table.in_column(column, why, remedy)


def _file_column(table: Table) -> str:
    """The column that names the files: by its name and what it holds, else by what it holds."""
    if any(kind_of_name(name) for name in table.columns):
        raise DataError(
            f"{table.shown}: {table.counts} 1",
            "names a file where the columns' names are expected",
            "put a line above it, such as file,label",
        )
    paths = [name for name in table.columns if _are_paths(table.sample.of.get(name, ()))]
    found = _called(paths, _FILES) or _called(table.columns, _FILES)
    if found:
        if why := table.why_not(found):
            raise table.in_column(found, why, "save the images as files, and name these")
        return found
    if len(paths) == 1:
        return paths[0]
    why = f"{' and '.join(paths[:2])} both name files" if paths else "no column names files"
    raise DataError(table.shown, why, f"call the one with the images 'file'; {_columns(table)}")


def _are_paths(cells: Sequence[str]) -> bool:
    """Whether most of the `cells` end as files of images do."""
    return 2 * sum(bool(kind_of_name(text)) for text in cells) > len(cells)


def _split_column(table: Table, file: str) -> str:
    """The column that names splits; empty where there is none."""
    sure = _called([name for name in table.columns if name != file], _SPLITS)
    if sure:
        return sure
    perhaps = _called([name for name in table.columns if name != file], _PERHAPS_SPLITS)
    cells = set(table.sample.of.get(perhaps, ())) if perhaps else set()
    return perhaps if cells and all(map(split_of, cells)) else ""


def split_of(text: str) -> str:
    """The split that a cell names, or an empty string.

    Examples:
        >>> split_of("Training"), split_of("dev"), split_of("7")
        ('train', 'val', '')
    """
    reading = read_split_name(text)
    return reading.kind if reading is not None else ""


def _target(table: Table, answers: Answers, place: int) -> tuple[str, Target]:
    """The column of the target that is named at that `place`, and what it holds."""
    wanted = answers.targets[place]
    unit = answers.units[place] if answers.units else ""
    column = _named(table, wanted, "target", unit)
    name, unit = name_and_unit(column)
    return column, Target(name=name, unit=answers.units[place] if answers.units else unit)


def _refuse_alike(table: Table, answers: Answers, targets: Sequence[tuple[str, Target]]) -> None:
    """Raise for two targets that are one column, or are called the same."""
    for place, (column, target) in enumerate(targets):
        for before, (other, earlier) in zip(answers.targets, targets[:place], strict=False):
            if target.name != earlier.name:
                continue
            what = parameter("target", answers.targets[place])
            if column == other:
                why = f"is the same column of {table.shown} as {parameter('target', before)}"
                raise DataError(what, why, "give it once")
            why = f"is called '{target.name}' without its unit, and so is '{other}'"
            raise DataError(what, why, "give one of them, or rename a column of the table")


def _other_unit(column: str, target: Target) -> str:
    """A note on a column whose name gives another unit than its target has; or nothing."""
    unit = name_and_unit(column)[1]
    if not unit or unit == target.unit:
        return ""
    return f"column '{column}' is taken to be in {target.unit or 'no unit'}, not in {unit}"


def _named(table: Table, wanted: str, option: str, unit: str = "") -> str:
    """The column that a person names, with or without its unit, in any case.

    Args:
        table: with the column.
        wanted: what it is called.
        option: by which that is said.
        unit: of several columns that differ in their units alone, that of the one that is meant.
    """
    clean, asked = " ".join(wanted.split()), parameter(option, wanted)
    alike = _alike(table, clean)
    found = [name for name in alike if name_and_unit(name)[1] == unit] if len(alike) > 1 else alike
    if not alike:
        known = {name_and_unit(name)[0] for name in table.columns if name}
        raise DataError(asked, f"is no column of {table.shown}", nearest(clean, known))
    if len(found) != 1:
        both = " or ".join(f"'{name}'" for name in alike[:2])
        raise DataError(asked, f"could be {both} of {table.shown}", "give its whole name")
    return _readable(table, found[0])


def _alike(table: Table, clean: str) -> list[str]:
    """The columns that may be meant: the one of that name, else those without unit or case."""
    names = [name for name in table.columns if name]
    for written in (
        lambda name: name == clean,
        lambda name: name_and_unit(name)[0] == clean,
        lambda name: clean.casefold() in (name.casefold(), name_and_unit(name)[0].casefold()),
    ):
        if found := [name for name in names if written(name)]:
            return found
    return []


def _readable(table: Table, found: str) -> str:
    """The column, where it holds what is written in a line."""
    if why := table.why_not(found):
        raise table.in_column(found, why, "give a column with one value a row")
    return found


def _only(table: Table, others: Sequence[str]) -> str:
    """The column with the classes where none is called so: the only one, if it holds text."""
    remedy = (
        f"name the one with the classes by {parameter('label')}, or a number to predict by "
        f"{parameter('target')}; {_columns(table)}"
    )
    sampled = {name: table.sample.of.get(name, []) for name in others}
    if not others:
        raise DataError(table.shown, "has a column of files, and none that tells their classes")
    if len(others) > 1:
        if all(cells and set(cells) <= {"0", "1"} for cells in sampled.values()):
            names = ", ".join(others[:3])
            raise DataError(
                table.shown,
                f"has a column of 0 and 1 for each label ({names} …): several labels a file are "
                "not supported",
                "make one column 'label' with the name of each file's class",
            )
        raise DataError(table.shown, "no column is called label or class", remedy)
    (only,) = others
    if why := table.why_not(only):
        raise table.in_column(only, why, "give each file one label, as text")
    if sampled[only] and all(number(text) is not None for text in sampled[only]):
        raise asks(table, only, f"holds numbers, such as {cell(sampled[only][0])}")
    return only


def _called(columns: Sequence[str], names: Sequence[str]) -> str:
    """The column with the first of these `names` that one has; empty where none has any."""
    bare = {re.sub(r"[\s_-]+", "", name_and_unit(name)[0]).casefold(): name for name in columns}
    return next((bare[name] for name in names if name in bare), "")


def _columns(table: Table) -> str:
    names = [name for name in table.columns if name]
    more = ", …" if len(names) > 12 else ""
    return f"its columns are {', '.join(name[:40] for name in names[:12])}{more}"
