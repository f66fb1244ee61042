from __future__ import annotations

from dataclasses import replace

from striate.deploy.quantise.figures import ClassFigures, ClassLimits
from striate.deploy.quantise.guard import steps

LIMITS = ClassLimits(drop=0.0, agreement=0.97)
BLOCKS = [("d",), ("b", "c"), ("a",), ("e", "f", "g"), ("h", "i", "j")]


def figures(agreement: float) -> tuple[ClassFigures, ...]:
    return tuple(
        ClassFigures(
            engine=engine, vnni=True, emulated=False, images=10, agreement=share, float_top1=0.9,
            top1=0.9, interval=(-0.1, 0.1), float_loss=0.1, loss=0.1, difference=0.0,
        )
        for engine, share in (("ONNX Runtime", 1.0), ("OpenVINO", agreement))
    )  # fmt: skip


def ranked(bits: int) -> list[tuple[str, ...]]:
    assert bits in (7, 8)
    return BLOCKS


def unasked(bits: int) -> list[tuple[str, ...]]:
    raise AssertionError(f"{bits} bits alone are inside")


def taken(shares: dict[tuple[int, int], float]) -> list[tuple[int, tuple[str, ...], bool]]:
    """Bits, float layers and verdict of each step, where `shares` agree."""
    found = steps(lambda bits, floats: figures(shares[bits, len(floats)]), ranked, LIMITS)
    return [(each.bits, each.floats, not each.problem) for each in found]


def test_eight_bits_are_enough() -> None:
    assert taken({(8, 0): 0.98}) == [(8, (), True)]


def test_seven_bits_come_next() -> None:
    assert taken({(8, 0): 0.9, (7, 0): 0.98}) == [(8, (), False), (7, (), True)]


def test_then_the_worst_layers_stay_float_with_the_better_weights() -> None:
    shares = {(8, 0): 0.95, (7, 0): 0.9, (8, 1): 0.96, (8, 3): 0.97}
    assert taken(shares) == [
        (8, (), False),
        (7, (), False),
        (8, ("d",), False),
        (8, ("d", "b", "c"), True),
    ]


def test_seven_bits_are_for_processors_without_vnni_alone() -> None:
    limits = ClassLimits(drop=0.0, agreement=0.97, target="vnni")
    tried: list[int] = []

    def measure(bits: int, floats: tuple[str, ...]) -> tuple[ClassFigures, ...]:
        tried.append(bits)
        return figures(0.98 if floats else 0.9)

    assert [len(each.floats) for each in steps(measure, ranked, limits)] == [0, 1]
    assert tried == [8, 8]


def test_what_does_not_count_decides_nothing() -> None:
    limits = ClassLimits(drop=0.0, agreement=0.97, target="vnni")
    fine, wrong = figures(0.5)
    found = list(steps(lambda *_: (fine, replace(wrong, counted=False)), unasked, limits))
    assert [(each.bits, each.problem, each.worst) for each in found] == [(8, "", 1.0)]


def test_at_most_half_of_the_layers_stay_float() -> None:
    shares = {(8, 0): 0.5, (7, 0): 0.6, (7, 1): 0.7, (7, 3): 0.8}  # the next step has 7 of 10
    found = taken(shares)
    assert [len(floats) for _, floats, _ in found] == [0, 0, 1, 3]
    assert not any(inside for _, _, inside in found)


def test_steps_are_measured_as_they_are_asked_for() -> None:
    measured: list[int] = []

    def measure(bits: int, _: tuple[str, ...]) -> tuple[ClassFigures, ...]:
        measured.append(bits)
        return figures(0.5)

    found = steps(measure, unasked, LIMITS)
    first = next(found)
    assert measured == [8]
    assert first.problem == "50.0 % of answers agree in OpenVINO"
    assert first.worst == 0.5
    assert first.to_json()["inside"] is False
