"""Build the wheel and the source distribution, and try the wheel where nothing else of ours is.

``python tools/wheel.py dist [vX.Y.Z]``: a tag that is not that of the version is refused. The
wheel is installed without what it depends on, into an environment that takes this from the one
that runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What a front end of PEP 517 does, in a process of its own: setuptools changes its arguments.
BUILD = """import sys
from setuptools import build_meta
out = sys.argv[1]
build_meta.build_sdist(out)
build_meta.build_wheel(out)
"""


def check_tag(root: Path, tag: str) -> None:
    """Refuse a tag that is not that of the version."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if tag and tag != f"v{version}":
        sys.exit(f"the tag {tag} is not that of version {version}, which is v{version}")


def build(root: Path, out: Path) -> Path:
    """Build both into `out`; the wheel's path."""
    out.mkdir(parents=True, exist_ok=True)
    for former in out.glob("striate-*"):
        former.unlink()
    shutil.rmtree(root / "build", ignore_errors=True)  # would put removed files into the wheel
    command = [sys.executable, "-c", BUILD, str(out)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    (wheel,) = out.glob("striate-*.whl")
    return wheel


def check_contents(root: Path, wheel: Path) -> None:
    """Stop where the wheel lacks a file of the package, or has one that is not there."""
    src = root / "src"
    here = {
        path.relative_to(src).as_posix()
        for path in (src / "striate").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("striate/")}
    if packed != here:
        sys.exit(f"missing: {sorted(here - packed)}; too many: {sorted(packed - here)}")


def check_installed(wheel: Path, folder: Path) -> None:
    """Install the wheel into an environment of its own in `folder`, and call it."""
    venv.create(folder, with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(folder)]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    # Of a path, unlike of a folder of packages, Python reads no .pth file, in which our own
    # checkout stands.
    inherited = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONSAFEPATH": "1"}
    environment = {**os.environ, **inherited}
    where = [str(scripts / "python"), "-c", "import striate; print(striate.__file__)"]
    for command, wanted in (
        (where, str(folder.resolve())),
        ([str(scripts / "striate"), "--version"], f"striate {wheel.name.split('-')[1]}"),
        ([str(scripts / "striate"), "list", "vgg16"], "vgg16"),
    ):
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode or wanted not in done.stdout:
            sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def main(out: str, tag: str = "") -> None:
    """Build into `out`, and check."""
    check_tag(ROOT, tag)
    wheel = build(ROOT, Path(out).absolute())
    check_contents(ROOT, wheel)
    with tempfile.TemporaryDirectory() as folder:
        check_installed(wheel, Path(folder) / "environment")
    print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB, installed and called")


if __name__ == "__main__":
    main(*sys.argv[1:])
