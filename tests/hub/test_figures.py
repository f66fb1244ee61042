"""Published errors of whatever a person names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from striate.hub.figures import figures
from striate.zoo.published import published


def test_every_library_answers_for_its_networks() -> None:
    assert figures("vgg16") == published()["vgg16"]
    assert figures("torchvision:resnet50")[0].top1 == pytest.approx(1 - 0.7613)
    assert figures("torchvision:lenet") == figures("timm:resnet50") == figures("mine.py:Net") == ()


def test_published_errors_and_prefixes_need_no_torch() -> None:
    code = (
        "import sys; from striate.hub.figures import figures; "
        "assert figures('vgg16'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
