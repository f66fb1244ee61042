"""Write docs/lab: the page and the figure of each experiment, and the book of all of them.

Everything is made of docs/lab/results, one ``NAME.jsonl`` of results and one ``NAME.timing.jsonl``
of times each. A test compares. ::

    python tools/lab.py                           # pages and book, from the results
    python tools/lab.py run [NAME …]              # measure again what is there, then write
    python tools/lab.py run NAME --from FOLDER    # take the results of `striate lab run`
    python tools/lab.py run --images FOLDER       # where folders such as cifar10 and flowers are
"""

# ruff: noqa: E501 - lines of the pages

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import striate
from striate.lab import results as files
from striate.lab.book import NAMES, experiment_of
from striate.lab.drawing import alone
from striate.lab.experiment import Experiment
from striate.lab.page import Told, told
from striate.lab.results import SECONDS, Results
from striate.lab.run import judge
from striate.support.words import duration

DOCS = Path(__file__).resolve().parents[1] / "docs" / "lab"
RESULTS = DOCS / "results"
#: Pages that people wrote about results; their numbers are filled in.
ANSWERS = Path(__file__).with_name("lab_answers")

BOOK = """# The lab

**English** · [简体中文](README.zh-CN.md)

Claims that textbooks and working notes repeat about these networks, put to the test by `striate lab`: seeds,
intervals, a figure, and a verdict by a rule that was written down before the run. A claim that fails is a
result; one that this size cannot decide is *undecided*. [How a verdict comes about](#how-a-verdict-comes-about)
is told below. `make lab` measures all of it again; `python tools/lab.py` writes these pages from the results
beside them.

The answer to a question that the notes leave open:
[why do identity shortcuts help Inception networks so little?](shortcuts.md)

| no. | claim | verdict | effects (95 % interval) | measured |
|---|---|---|---|---|
"""
BOOK_CHINESE = """# 实验室

[English](README.md) · **简体中文**

用 `striate lab` 检验教科书和工作笔记中反复出现的关于这些网络的说法：多个随机种子、置信区间、一幅图，以及由运行之前写定的规则
得出的结论。不成立也是结果；这一规模无法判定的记为“未定”。`make lab` 重新测量全部实验；`python tools/lab.py` 由旁边的结果文件生成这些页面。各实验的页面是英文的。

笔记留下的问题有了答案：[为什么恒等捷径对 Inception 网络帮助这么小？](shortcuts.zh-CN.md)

| 编号 | 说法 | 结论 | 效应（95 % 区间） | 测量条件 |
|---|---|---|---|---|
"""
RULE = """
## How a verdict comes about

A statement says of one effect, such as the difference of two accuracies, that it is *more* or *less* than the
least effect that counts, or the *same* within it. The effect is measured once with each seed, within which all
settings are compared, so that what a seed does to all of them alike falls out. Student's t over the seeds gives
the 95 % interval of its mean, and that interval alone decides:

- **supported**: all of it is where the statement wants it;
- **contradicted**: none of it is. An effect that is surely there and surely too small to count contradicts, too;
- **undecided**: some of it is. More seeds (`--seeds`) make the interval shorter.

A claim is supported where all its statements are, and contradicted where one of them is. What is marked
*decides nothing* is told beside it. Intervals are not adjusted for the number of statements: of twenty that
are borderline, one may err. Images are the same with every seed, which decides first weights, order and
augmentation: an interval says what another training would give, and nothing of other images.
"""
RULE_CHINESE = """
## 结论如何得出

每条陈述针对一个效应（例如两个准确率之差）：它大于或小于最小有意义的效应，或在其范围之内相同。每个种子下比较所有设置，得到一个效应值；
由学生 t 分布得出其均值的 95 % 区间，只凭这个区间判定：

- **成立**：整个区间都在陈述所要求的范围内；
- **不成立**：区间完全在该范围之外。确实存在但小到没有意义的效应也属于不成立；
- **未定**：区间部分在范围内。增加种子（`--seeds`）会使区间变短。

所有陈述都成立时说法成立，有一条不成立则说法不成立。标为“decides nothing”（不参与判定）的陈述只是附带列出。区间未按陈述数目校正。每个种子使用相同的图像，只改变初始权重、
顺序与数据增强：区间说明再训练一次会怎样，与换用其他图像无关。
"""
CHINESE = {"supported": "成立", "contradicted": "不成立", "undecided": "未定"}


class Found(NamedTuple):
    """An experiment with its committed results."""

    experiment: Experiment
    results: Results
    told: Told


def found() -> Iterator[Found]:
    """The experiments that there are results of, in the order of the notes."""
    for name in NAMES:
        path = RESULTS / f"{name}.jsonl"
        if path.exists():
            experiment = experiment_of(name)
            timing = RESULTS / f"{name}.timing.jsonl"
            results = files.read(path, experiment.settings, timing)
            yield Found(experiment, results, told(experiment, results, judge(experiment, results)))


def page(each: Found) -> str:
    """The page of an experiment."""
    experiment, said = each.experiment, each.told
    parts = [
        f"# {experiment.title}\n",
        f"> {experiment.claim}\n",
        f"{experiment.source}\n",
        f"**{said.verdict.capitalize()}**, measured {said.ran_on}. Its measurements "
        f"took {duration(sum(one[SECONDS] for one in each.results.times.values()))} together.\n",
        _table(("statement", "effect (95 % interval)", "wanted", "verdict"), said.effects),
        f"![{experiment.title}]({experiment.name}.svg)\n",
        f"{experiment.caption}\n",
        "## Numbers\n",
        "Mean and standard deviation over the seeds.\n",
        _table(said.heading, said.table),
        "## Held equal\n",
        "".join(f"- {what}: {value}\n" for what, value in said.equal),
        "## What it cannot show\n",
        "".join(f"- {line}\n" for line in said.cannot),
        f"```sh\n{said.command}\n```\n",
        "[All claims](README.md); [how a verdict comes about](README.md#how-a-verdict-comes-about); "
        f"[results](results/{experiment.name}.jsonl)\n",
    ]
    return "\n".join(parts)


def book(every: Sequence[Found], *, chinese: bool = False) -> str:
    """All claims with their verdicts and effects."""
    lines = []
    for each in every:
        experiment, said = each.experiment, each.told
        title, claim = experiment.chinese if chinese else (experiment.title, experiment.claim)
        verdict = CHINESE[said.verdict] if chinese else said.verdict
        effects = "<br>".join(effect for _, effect, _, how in said.effects if "nothing" not in how)
        ran_on = said.ran_on.partition("; PyTorch")[0]
        if chinese:
            effects, ran_on = in_chinese(effects), ran_in_chinese(each.results)
        cells = (
            str(experiment.number),
            f"[**{title}**]({experiment.name}.md): {claim}",
            f"**{verdict}**",
            effects,
            ran_on,
        )
        lines.append(_row(cells))
    head, rule = (BOOK_CHINESE, RULE_CHINESE) if chinese else (BOOK, RULE)
    return head + "".join(lines) + rule


def in_chinese(effects: str) -> str:
    """Effects with their units in Chinese."""
    for english, chinese in ((" points", " 个百分点"), (" times", " 倍"), (" to ", " 至 ")):
        effects = effects.replace(english, chinese)
    return effects


def ran_in_chinese(results: Results) -> str:
    """What an experiment ran on, in Chinese."""
    header = results.header
    parts = []
    if header.data:
        counts = f"{header.data['train']:,} 张训练，{header.data['val']:,} 张留出"
        parts.append(f"{header.data['name']}（{counts}）")
    parts += [f"{header.epochs} 轮"] if header.epochs else []
    return "，".join([*parts, f"{len(results.seeds)} 个种子"])


def answer(text: str, told: Mapping[str, Told], *, chinese: bool = False) -> str:
    """What was written about several results, with the numbers that it speaks of.

    Args:
        text: where ``{short-paths 2}`` stands, the second effect of that experiment is put, where
            ``{short-paths 2!}`` its verdict, and where ``{short-paths plain: 1}`` the first number
            of that setting.
        told: of each experiment that there are results of.
        chinese: whether it is in Chinese.
    """

    def number(asked: re.Match[str]) -> str:
        said, place = told[asked["name"]], int(asked["place"])
        assert place, asked[0]
        if asked["setting"]:
            cells = {row[0]: row for row in said.table}
            return cells[asked["setting"]][place].partition(" ±")[0]
        _, effect, _, verdict = said.effects[place - 1]
        shown = verdict.partition(",")[0] if asked["verdict"] else effect
        return (CHINESE.get(shown) or in_chinese(shown)) if chinese else shown

    pattern = r"\{(?P<name>[a-z-]+) (?:(?P<setting>[^{}:]+): )?(?P<place>\d+)(?P<verdict>!?)\}"
    filled = re.sub(pattern, number, text)
    assert "{" not in filled, filled[filled.index("{") :][:60]
    return filled


def written() -> dict[str, str]:
    """Every file of docs/lab that is made, by its name."""
    every = list(found())
    pages = {"README.md": book(every), "README.zh-CN.md": book(every, chinese=True)}
    numbers = {each.experiment.name: each.told for each in every}
    for source in sorted(ANSWERS.glob("*.md.in")):
        name = source.name.removesuffix(".in")
        chinese = name.endswith(".zh-CN.md")
        pages[name] = answer(source.read_text("utf-8"), numbers, chinese=chinese)
    for each in every:
        pages[f"{each.experiment.name}.md"] = page(each)
        pages[f"{each.experiment.name}.svg"] = alone(each.told.drawing)
    return pages


def _table(heading: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    return _row(heading) + "|---" * len(heading) + "|\n" + "".join(map(_row, rows))


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |\n"


def measure(name: str, images: Path | None, workers: int) -> None:
    """Measure an experiment as its committed results were, and put the new ones in their place."""
    experiment, path = experiment_of(name), RESULTS / f"{name}.jsonl"
    data = epochs = seeds = None
    if path.exists():
        before = files.read(path, experiment.settings)
        header = before.header
        seeds, epochs = len(before.seeds), header.epochs or None
        data = header.data.get("name")
        if images is not None and data and (images / data).is_dir():
            data = str(images / data)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / name
        done = striate.run_experiment(
            name, data=data, seeds=seeds, epochs=epochs, out=out, workers=workers, progress=True
        )
        print(f"{name}: {done.verdict}")
        take(name, out)


def take(name: str, folder: Path) -> None:
    """Put the results in `folder`, which `striate lab run` wrote, among the committed ones."""
    found = files.read(folder / files.RESULTS, experiment_of(name).settings)
    if found.header.quick or len(found.lines) != len(found.seeds) * len(found.settings):
        raise SystemExit(f"{folder}: is quick, or not at its end; run it to its end first")
    RESULTS.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / files.RESULTS, RESULTS / f"{name}.jsonl")
    shutil.copyfile(folder / files.TIMING, RESULTS / f"{name}.timing.jsonl")


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("action", nargs="?", choices=["write", "run"], default="write")
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--from", dest="folder", type=Path, help="results of `striate lab run`")
    parser.add_argument("--images", type=Path, help="folder of cifar10/, flowers/ …")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    for name in (given.names or NAMES) if given.action == "run" else ():
        if given.folder is not None:
            take(name, given.folder)
        else:
            measure(name, given.images, given.workers)
    for name, text in written().items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
