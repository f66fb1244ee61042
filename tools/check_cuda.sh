#!/usr/bin/env bash
# Striate on a CUDA device: its tests, and one short training, in less than eight minutes.
#
#   tools/check_cuda.sh pack FOLDER            here: fetch what the machine with the device lacks
#   tools/check_cuda.sh run  FOLDER [IMAGES]   there: needs PyTorch 2.11 or newer, and no network
#
# pack writes wheels into FOLDER, in the versions of constraints.txt, for Linux on x86-64 and the
# Python of that machine (TARGET_PYTHON, 3.12). PyTorch and torchvision are not among them, and what
# PRESENT names ("numpy scipy ...", as `pip list` there says it) is left out too. OpenVINO is most of
# it, 60 MB of 70: without it (PRESENT="... openvino") run leaves out what exports.
# `tools/check_cuda.sh wheels` lists what would be fetched.
#
# run makes a virtual environment on top of the Python that has PyTorch (PYTHON, python3) in a
# temporary folder, installs from FOLDER what is missing, and changes nothing else. Without IMAGES,
# a folder of class folders, it trains on scikit-learn's digits. STRIATE_CHECK_DEVICE=cpu checks
# everything but the device.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
DEVICE="${STRIATE_CHECK_DEVICE:-cuda}"

die() { echo "check_cuda.sh: $*" >&2; exit 2; }

# What Striate, its export and its tests need, and what that needs in turn, as pinned; not what
# belongs to PyTorch, which is there.
wheels() {
    "${PYTHON:-python3}" - "$ROOT" ${PRESENT:-} <<'EOF'
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


root, present = Path(sys.argv[1]), {plain(name) for name in sys.argv[2:]}
project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (root / "constraints.txt").read_text(), re.M))
pins = {plain(name): version for name, version in pins.items()}
left = [*project["dependencies"], *project["optional-dependencies"]["export"]]
left += ["pytest", "hypothesis", "setuptools"]
seen = {"torch", "torchvision"}
while left:
    name = plain(re.match(r"[\w.-]+", left.pop())[0])
    if name in seen or name not in pins:
        continue
    seen.add(name)
    try:
        left += [each for each in requires(name) or () if "extra ==" not in each]
    except PackageNotFoundError:
        sys.exit(f"check_cuda.sh: {name} is not installed here: run this in .venv (make setup)")
for name in sorted(seen - present - {"torch", "torchvision"}):
    print(f"{name}=={pins[name]}")
EOF
}

pack() {
    local folder="${1:?check_cuda.sh: pack needs a folder}" wanted platforms=()
    wanted="$(wheels)"
    for tag in 2_28 2_27 2_26 2_24 2_17 2_12 2_5; do
        platforms+=(--platform "manylinux_${tag}_x86_64")
    done
    mkdir -p "$folder"
    # shellcheck disable=SC2086 # one word a wheel
    "${PYTHON:-python3}" -m pip download -q --no-deps --only-binary=:all: -d "$folder" \
        --python-version "${TARGET_PYTHON:-3.12}" --implementation cp \
        "${platforms[@]}" --platform manylinux2014_x86_64 --platform manylinux1_x86_64 $wanted
    du -sh "$folder"
}

run() {
    local folder="${1:?check_cuda.sh: run needs the folder that pack has filled}" images="${2:-digits}"
    local python="${PYTHON:-python3}" work extra='[export]'
    folder="$(cd "$folder" && pwd)"
    "$python" - "$DEVICE" <<'EOF' || exit 2
import sys

try:
    import torch
except ModuleNotFoundError:
    sys.exit("check_cuda.sh: this Python has no PyTorch: PYTHON=... names one that has")
version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
if version < (2, 11):
    sys.exit(f"check_cuda.sh: PyTorch {torch.__version__} is too old: 2.11 or newer is needed")
if sys.argv[1] != "cpu" and not torch.cuda.is_available():
    sys.exit("check_cuda.sh: there is no CUDA device: STRIATE_CHECK_DEVICE=cpu tries the rest")
where = torch.cuda.get_device_name() if sys.argv[1] != "cpu" else "the processor"
print(f"PyTorch {torch.__version__} on {where}")
EOF
    work="$(mktemp -d)"
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$work'" EXIT
    # Without pip of its own: not every Python comes with what makes one; and on top of the packages
    # of this Python, which may itself be a virtual environment, hence not the system's.
    "$python" -m venv --without-pip "$work/venv"
    "$python" -c 'import site; print("\n".join(site.getsitepackages()))' \
        >"$("$work/venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')/outer.pth"
    if ! "$work/venv/bin/python" -c 'import openvino' 2>/dev/null &&
        ! ls "$folder"/openvino-* >/dev/null 2>&1; then
        extra=''
        echo "without OpenVINO: what exports is left out"
    fi
    # A copy, since an installation leaves files beside what it installs.
    mkdir "$work/striate"
    cp -r "$ROOT"/{src,tests,pyproject.toml,README.md,LICENSE} "$work/striate"
    "$work/venv/bin/python" -m pip install -q --no-index --find-links "$folder" pytest 'setuptools>=77'
    "$work/venv/bin/python" -m pip install -q --no-index --find-links "$folder" \
        --no-build-isolation -e "$work/striate$extra"
    cd "$work/striate"
    export STRIATE_CHECK_DEVICE="$DEVICE" PATH="$work/venv/bin:$PATH" STRIATE_CACHE="$work/cache"
    timeout 330 python -m pytest tests/cuda -m cuda -p no:cacheprovider --durations=5
    local network=(--net resnet18 --size 64 --epochs 3)
    [ "$DEVICE" != cpu ] || network=(--net lenet --epochs 1)
    timeout 120 python -m striate train "$images" "${network[@]}" --device "$DEVICE" --out "$work/run"
    python -m striate evaluate "$work/run" --device "$DEVICE"
}

case "${1:-}" in
    wheels) wheels ;;
    pack) shift; pack "$@" ;;
    run) shift; run "$@" ;;
    *) sed -n '2,/^set/p' "${BASH_SOURCE[0]}" | sed -n 's/^# \{0,1\}//p' >&2; exit 2 ;;
esac
