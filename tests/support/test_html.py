"""What pages of HTML share."""

from __future__ import annotations

import base64
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jinja2 import UndefinedError

from striate.support.html import content_hash, data_address, frame, mark, templates


def test_templates_escape_and_refuse_what_they_are_not_given(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>{{ name }}</p><script>{{ data|tojson }}</script>")
    template = templates(tmp_path).get_template("a.html")
    page = template.render(name="<b>", data={"z": "</script>", "a": 1})
    assert page.startswith("<p>&lt;b&gt;</p>")
    assert "</script>" not in page.removesuffix("</script>")
    assert page.index('"z"') < page.index('"a"')
    with pytest.raises(UndefinedError):
        template.render(data={})


def test_a_frame_allows_its_own_style_and_script_alone() -> None:
    found = frame("p {}", "go()")
    assert found["style_hash"] == content_hash("p {}") != found["script_hash"]
    kind, _, content = found["icon"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    root = ElementTree.fromstring(base64.b64decode(content))
    assert root.tag.endswith("svg")
    assert len(root[0]) == 4
    assert str(mark("currentColor")) == found["mark"]
    assert data_address("image/svg+xml", base64.b64decode(content)) == found["icon"]
