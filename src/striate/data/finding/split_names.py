"""Whether a folder's name means a part of a data set: train, validation or test.

Data sets are published under every spelling of the three: ``Training``, ``training_set``,
``seg_train``, ``train2017``, ``testData``, ``validation images``, ``dev``, 训练集. A name is taken
apart into words; words that say nothing (set, images, a number) do not count.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_WORDS = {
    "train": (
        "train training trainings trainval learn learning entrenamiento entrainement apprentissage "
        "treino treinamento addestramento lernen обучение тренировка"
    ),
    "val": (
        "val valid validate validation dev devel eval evaluate evaluation validacion validacao "
        "validazione validierung валидация"
    ),
    "test": (
        "test tests testing holdout heldout prueba pruebas teste testes тест тестирование проверка"
    ),
}
_SHORT = {"tr": "train", "trn": "train", "vl": "val", "te": "test", "tst": "test"}
"""Abbreviations that mean other things just as often; they need more signs than the name."""

_WITHOUT_SPACES = {
    "train": "训练 訓練 训練 学習 學習 トレーニング 훈련 학습",
    "val": "验证 驗證 校验 校驗 検証 评估 評估 評価 검증",
    "test": "测试 測試 テスト 試験 테스트 시험",
}
"""Scripts in which words stand together: looked for anywhere in a name."""

_EMPTY_WORDS = (
    "set sets data dataset datasets image images img imgs pic pics picture pictures photo photos "
    "jpg jpeg png split splits part folder folders dir files final full all small mini new raw "
    "resized cropped class classes sample samples of the for my daten bilder datos imagenes "
    "数据集 資料集 数据 資料 "
    "数據 集合 图片 圖片 图像 圖像 样本 樣本 画像 データ セット 이미지 데이터 세트 셋 用 集"
)
_PARTITION_WORDS = "fold part partition split set subset batch chunk shard group session round cv"

_EMPTY, _PARTITION = frozenset(_EMPTY_WORDS.split()), frozenset(_PARTITION_WORDS.split())

_KINDS = {
    **{word: kind for kind, words in _WORDS.items() for word in words.split()},
    **{word: kind for kind, words in _WITHOUT_SPACES.items() for word in words.split()},
}
_ANY = sorted(_KINDS, key=len, reverse=True)
_FILL = "|".join(sorted(_EMPTY, key=len, reverse=True))
_JOINED = re.compile(f"(?:{_FILL})*({'|'.join(_ANY)})(?:{_FILL})*")
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_INSIDE = re.compile("|".join(w for words in _WITHOUT_SPACES.values() for w in words.split()))


@dataclass(frozen=True)
class Reading:
    """What a folder's name means.

    `kind` is ``train``, ``val`` or ``test``; `sure` is false where other words stand beside, as in
    ``seg_train`` or ``test_tube``; `stem` is the name without the word for the split, which is the
    same in ``seg_train`` and ``seg_test``.
    """

    kind: str
    sure: bool
    stem: tuple[str, ...]


def read_split_name(name: str) -> Reading | None:
    """The split that `name` speaks of, or None.

    Examples:
        >>> read_split_name("training_set")
        Reading(kind='train', sure=True, stem=())
        >>> read_split_name("seg_test")
        Reading(kind='test', sure=False, stem=('seg',))
        >>> read_split_name("valley") is None
        True
    """
    kinds: list[str] = []
    rest: list[str] = []
    for word in _words(name):
        joined = _JOINED.fullmatch(word)
        if joined:
            kinds.append(_KINDS[joined[1]])
        elif word in _SHORT:
            kinds.append(_SHORT[word])
            rest.append(word)
        elif not (word.isdecimal() or word in _EMPTY):
            inner = _INSIDE.search(word)
            kinds += [_KINDS[inner[0]]] if inner else []
            rest.append(word.replace(inner[0], "") if inner else word)
    if set(kinds) == {"train", "val"}:  # all that is not for the test
        kinds = ["train"]
    if len(set(kinds)) != 1:
        return None
    return Reading(kinds[0], not rest, tuple(rest))


def partition_stem(name: str) -> tuple[str, ...] | None:
    """The words of a name such as ``fold_3`` or ``batch B`` without its number; None for others.

    Examples:
        >>> partition_stem("fold_3")
        ('fold',)
    """
    words = _words(name)
    plain = tuple(word for word in words if not word.isdecimal() and len(word) > 1)
    counted = len(plain) < len(words)
    return plain if counted and plain and all(word in _PARTITION for word in plain) else None


def says_nothing(name: str) -> bool:
    """Whether a name is of no class for sure: ``images``, ``pics``, ``data``.

    Examples:
        >>> says_nothing("images"), says_nothing("tulips")
        (True, False)
    """
    words = _words(name)
    return bool(words) and all(word in _EMPTY for word in words)


def _words(name: str) -> list[str]:
    """`name` in words: lower case, without accents, apart at capitals, digits and signs."""
    plain = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name))
    # What was taken apart and is no accent (Korean, Japanese) is put together again.
    plain = unicodedata.normalize("NFKC", plain)
    return [word.casefold() for word in _PIECES.findall(plain)]
