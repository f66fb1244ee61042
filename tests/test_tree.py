"""The repository itself: sizes, paths, pins, links, and the two READMEs against each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 400

#: Folders of somebody's own machine. The brackets keep the pattern from matching itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.~/-])/(?:work|home|root|Users|mnt)[/]\w"
    r"|(?<![\w.~/-])/data[/](?:flowers|cifar10|mnist|scratch)\b"
    r"|\.\.[/]shared\b"
    r"|\b[A-Z]:\\\\?Users\b"
)
#: What would outlive the call that it was made for; `striate.support.settings` puts it back.
PROCESS_WIDE = re.compile(
    r"(?<!default_generator\.)(?<!Generator\(\)\.)\bmanual_seed(_all)?\("
    r"|\bset_num_(interop_)?threads\(|\bset_default_(dtype|device|tensor_type)\("
    r"|\bcudnn\.\w+ *=[^=]|\ballow_tf32 *=[^=]|\buse_deterministic_algorithms\("
    r"|\bset_float32_matmul_precision\(|\bset_grad_enabled\(|\bset_printoptions\("
    r"|\brandom\.seed\(|\bos\.chdir\(|\bos\.environ\[.*\] *=[^=]|\bputenv\(|\bos\.umask\("
    r"|\bMAX_IMAGE_PIXELS *=[^=]|\bLOAD_TRUNCATED_IMAGES *=[^=]"
)
#: Words of an old dialect, and the term of the field for each.
OLD_WORDS = {
    r"\bthaw": "unfreeze",
    r"\bcarr(?:y|ied|ies|ying)\b[^.\n]{0,24}\bover\b": "transfer",
    r"\bby heart\b": "overfit, memorised",
    r"\bturned round\b(?! in)|\bmirror images?\b|\bmirror = ": "horizontal flip",
    r"\bshel(?:f|ves)\b": "cache entry",
    r"\bsurveys?\b": "contents",
    r"\b(?:linear|Gaussian|each|its) machines?\b|\bmachine's (?:score|margin|coefficient)": "SVM",
    r"\b(?:kernel's|Gaussian) width\b|\bwidth of (?:the|a) (?:kernel|Gaussian)": "gamma",
    r"\bregularisation strength\b|\bstrength of (?:the )?regularisation\b": "C",
    r"\bmean(?:,| and) deviations?\b": "mean and std",
    r"\bdigest of (?:all that|a configuration|the configuration)\b": "configuration digest",
    r"\bhad no say\b|\bheld up by\b|\bnetwork said\b|\bheads? says?\b": "no personification",
    r"\bstriate\.(?:adopting|inspecting|transferring|viewing)\b": "the module's new name",
}
#: Prose of published recipes is part of a run's configuration digest, and pages repeat it.
WITH_OLD_WORDS = ("src/striate/recipes/", "docs/networks/", "src/striate/zoo/published")
LINK = re.compile(r"(?:\]\(|src=\"|srcset=\")([^)#\"\s]+)")


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout, so that nothing says which files belong to it")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # an image


def code_blocks(path: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL)


def headings(path: Path) -> list[int]:
    prose = re.sub(r"^```.*?^```$", "", text_of(path), flags=re.MULTILINE | re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]


def test_no_source_file_is_too_long_to_read() -> None:
    lengths = {path: len(text_of(path).splitlines()) for path in (ROOT / "src").rglob("*.py")}
    assert lengths
    assert {str(path): n for path, n in lengths.items() if n > LONGEST} == {}


def test_nothing_that_was_built_is_part_of_the_repository() -> None:
    built = [path for path in tracked() if path.suffix in {".whl", ".pyc", ".so", ".egg"}]
    assert not built


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_settings_of_the_process_are_changed_in_one_place() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in (ROOT / "src").rglob("*.py")
        if path.parent.name != "support"  # whose contexts put back what they change
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if PROCESS_WIDE.search(line.partition("#")[0])
    ]
    assert found == []


def test_words_of_the_field_are_used() -> None:
    found = [
        f"{name}:{number}: say {term!r}: {line.strip()[:100]}"
        for path in tracked()
        for name in [str(path.relative_to(ROOT))]
        if name.startswith(("src/", "docs/", "README", "CHANGELOG"))
        and not name.startswith(WITH_OLD_WORDS)
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        for pattern, term in OLD_WORDS.items()
        if re.search(pattern, line, re.IGNORECASE)
    ]
    assert found == []


def test_every_direct_dependency_is_pinned() -> None:
    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    wanted = project["dependencies"] + [
        each for extra in project["optional-dependencies"].values() for each in extra
    ]
    names = {normal(match[0]) for each in wanted if (match := re.match(r"[\w.-]+", each))}
    pins = re.findall(r"^([\w.-]+)==\S+$", text_of(ROOT / "constraints.txt"), re.MULTILINE)
    assert names - {normal(name) for name in pins} == {"striate"}  # an extra that holds others


#: The extras that `make lowest` installs.
IN_LOWEST = ("bulk", "detect", "export", "serve", "tensorboard", "timm")


def test_the_oldest_versions_are_those_that_are_tested() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(one for extra in IN_LOWEST for one in extras[extra]),
    ]
    pins = re.findall(r"^([\w.-]+)==(\S+)$", text_of(ROOT / "constraints-lowest.txt"), re.MULTILINE)
    oldest = {name: version for name, version in pins if name != "setuptools"}
    bounds = dict(each.partition(";")[0].split(">=") for each in wanted)
    assert set(bounds) == set(oldest)
    for name, bound in bounds.items():
        assert oldest[name].split(".")[: bound.count(".") + 1] == bound.split("."), name


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in tracked()
        if page.suffix == ".md"
        for target in LINK.findall(text_of(page))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_chinese_readme_keeps_pace() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    assert code_blocks(english)
    assert code_blocks(chinese) == code_blocks(english)
    assert headings(chinese) == headings(english)
    images = [
        [link for link in LINK.findall(text_of(page)) if link.endswith((".png", ".svg"))]
        for page in (english, chinese)
    ]
    assert images[0]
    assert images[1] == images[0]
