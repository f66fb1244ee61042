"""Videos: frame by frame in, boxes a frame and a video with boxes out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import striate
from striate.api import detecting
from striate.cli.main import app
from striate.data.decoding.containers import container_of, is_video
from striate.data.decoding.video import count_of, frames_of
from striate.data.finding.frames import FrameItem, count, with_frames
from striate.data.finding.inputs import Item
from striate.detection.draw import drawn
from striate.detection.pytorch import NetworkDetector
from striate.detection.video import VideoWriter
from striate.errors import DataError, StriateError

try:
    import av
except ImportError:
    pytest.skip("PyAV is not installed: no videos", allow_module_level=True)

FRAMES, RATE = 12, 25


def scene(number: int) -> NDArray[np.uint8]:
    """A frame of 48 × 80: dark at the left, brighter from one to the next at the right."""
    image = np.full((48, 80, 3), 20, np.uint8)
    image[:, 40:] = 60 + 10 * number
    image[:12, :12] = (220, 40, 40)
    return image


def film(path: Path, frames: int = FRAMES, *, codec: str = "mpeg4", turn: int = 0) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options={"g": "4"})
        stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
        stream.bit_rate = 2_000_000
        if turn:
            stream.set_display_rotation(turn)
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(number), format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("video") / "a <b> 图.mp4")


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch, narrow_detector: NetworkDetector) -> NetworkDetector:
    """What every file of weights is."""
    monkeypatch.setattr(detecting, "open_model", lambda *_: narrow_detector)
    return narrow_detector


def cut(path: Path, target: Path, share: float) -> Path:
    whole = path.read_bytes()
    target.write_bytes(whole[: int(len(whole) * share)])
    return target


# --- reading -------------------------------------------------------------------------------------


def test_frames_come_with_their_numbers_and_times(clip: Path) -> None:
    frames = list(frames_of(clip))
    assert [each.number for each in frames] == list(range(FRAMES))
    assert [each.time for each in frames] == pytest.approx([n / RATE for n in range(FRAMES)])
    assert {each.rate for each in frames} == {Fraction(RATE)}
    for each in frames:
        assert np.abs(each.image.astype(int) - scene(each.number)).mean() < 6
    assert count([Item("a", clip), Item("b", scene(0))]) == FRAMES + 1


@pytest.mark.parametrize("turn", [90, -90, 180])
def test_frames_are_turned_as_opencv_turns_them(tmp_path: Path, turn: int) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV, which this is held against, is missing")
    path = film(tmp_path / "turned.mp4", 2, turn=turn)
    ours = next(iter(frames_of(path))).image
    reader = cv2.VideoCapture(str(path))
    _, theirs = reader.read()
    reader.release()
    assert ours.shape == theirs.shape
    assert ours.shape[:2] == ((48, 80) if turn == 180 else (80, 48))
    assert np.abs(ours.astype(int) - theirs[..., ::-1]).mean() < 6


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.mkv", "matroska"),
        ("a.avi", "avi"),
        ("a.mov", "mov"),
        ("a.ts", "mpegts"),
        ("a.mpg", "mpeg"),
    ],
)
def test_videos_are_known_by_their_content(tmp_path: Path, name: str, form: str) -> None:
    codec = "mpeg2video" if form in ("mpegts", "mpeg") else "mpeg4"
    path = film(tmp_path / name, codec=codec)
    other = path.rename(tmp_path / "without an ending")
    assert container_of(other) == form
    assert is_video(other)
    assert len(list(frames_of(other))) == FRAMES


def test_what_is_no_video_is_told(tmp_path: Path) -> None:
    Image.fromarray(scene(0)).save(tmp_path / "picture.png")
    picture = (tmp_path / "picture.png").rename(tmp_path / "picture.mp4")
    assert not is_video(picture)
    (text := tmp_path / "notes.txt").write_bytes(b"\x1aE\xdf\xa3")
    assert not is_video(text)
    # A playlist would have FFmpeg open what it names.
    (playlist := tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    assert is_video(playlist)
    with pytest.raises(DataError, match="is no video, whatever its name says"):
        list(frames_of(playlist))
    (empty := tmp_path / "empty.mkv").write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    with pytest.raises(DataError, match=r"empty\.mkv: is damaged, cut off, or no video"):
        list(frames_of(empty))
    with pytest.raises(DataError, match="there is no such file"):
        list(frames_of(tmp_path / "absent.mp4"))


@pytest.mark.parametrize(("form", "share"), [("mkv", 0.75), ("avi", 0.92), ("mp4", 0.8)])
def test_a_cut_video_costs_its_remaining_frames(tmp_path: Path, form: str, share: float) -> None:
    whole = film(tmp_path / f"whole.{form}")
    if form == "mp4":  # with its index in front, as for the web
        with av.open(str(whole)) as source:
            front = tmp_path / "front.mp4"
            with av.open(str(front), "w", options={"movflags": "faststart"}) as target:
                stream = target.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is not None:
                        packet.stream = stream
                        target.mux(packet)
        whole = front
    items = list(with_frames([Item("a", cut(whole, tmp_path / f"cut.{form}", share))]))
    *sound, last = items
    assert 0 < len(sound) < FRAMES
    assert not any(isinstance(each.content, DataError) for each in sound)
    assert isinstance(last, FrameItem)
    assert isinstance(last.content, DataError)
    assert last.frame == len(sound)
    assert f"nothing can be read after frame {len(sound) - 1}" in str(last.content)


def test_frames_are_read_one_at_a_time(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    module = sys.modules[with_frames.__module__]
    whole = frames_of

    def noted(path: Path) -> Any:
        for frame in whole(path):
            read.append(frame.number)
            yield frame

    monkeypatch.setattr(module, "frames_of", noted)
    with closing(with_frames([Item("a", clip)])) as frames:  # type: ignore[type-var]
        next(frames)
        next(frames)
    assert read == [0, 1]


# --- detecting -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("detector")
def test_a_frame_has_the_boxes_of_the_same_picture(clip: Path, tmp_path: Path) -> None:
    Image.fromarray(scene(3)).save(tmp_path / "one.png")
    images = [clip, tmp_path / "one.png", clip]
    found = striate.detect("w", images, threshold=0.1, workers=2)
    assert [each.frame for each in found] == [*range(FRAMES), None, *range(FRAMES)]
    assert found[5].time == pytest.approx(5 / RATE)
    assert {each.file for each in found if each.frame is not None} == {str(clip)}
    pictures = striate.detect("w", [each.image for each in frames_of(clip)], threshold=0.1)
    assert sum(len(each.boxes) for each in pictures) > 0
    for one, other in zip(found, pictures, strict=False):
        assert one.size == other.size == (48, 80)
        assert one.boxes.xyxy.tolist() == other.boxes.xyxy.tolist()


def test_the_video_is_written_with_its_boxes(
    clip: Path, tmp_path: Path, detector: NetworkDetector
) -> None:
    out = tmp_path / "found"
    found = striate.detect("w", [clip, clip, scene(0)], threshold=0.2, output=out)
    names = {Path(each.picture).name for each in found}
    assert {each.name for each in out.iterdir()} == names
    assert len(names) == 3
    assert "a <b> 图.boxes.mp4" in names
    written = list(frames_of(Path(found[0].picture)))
    assert [each.time for each in written] == pytest.approx([n / RATE for n in range(FRAMES)])
    assert written[0].rate == RATE
    assert written[0].image.shape == (48, 80, 3)
    plain = next(iter(frames_of(clip))).image
    wanted = np.asarray(drawn(plain, found[0].boxes, detector.names), dtype=int)
    assert np.abs(wanted - plain).mean() > 6
    assert np.abs(written[0].image - wanted).mean() < np.abs(wanted - plain).mean() / 2

    striate.detect("w", clip, threshold=0.9, output=tmp_path / "one.mp4")
    assert count_of(tmp_path / "one.mp4") == FRAMES
    with pytest.raises(StriateError, match=r"is no video; give a name that ends in \.mp4"):
        striate.detect("w", clip, output=tmp_path / "one.jpg")
    with pytest.raises(StriateError, match="is a video, and what it is made of"):
        striate.detect("w", scene(0), output=tmp_path / "two.mp4")
    with pytest.raises(StriateError, match="is the file that is read"):
        striate.detect("w", clip, output=clip)


@pytest.mark.usefixtures("detector")
def test_who_stops_leaves_nothing_half_written(clip: Path, tmp_path: Path) -> None:
    found = striate.detect("w", [clip], output=tmp_path, stream=True)
    next(found)
    assert len(list(tmp_path.iterdir())) == 1  # under another name
    del found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("codecs", [{"libx264"}, set()])
def test_sides_that_are_odd_and_either_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codecs: set[str]
) -> None:
    if not codecs <= av.codecs_available:
        pytest.skip("PyAV has no encoder of H.264 here")
    monkeypatch.setattr(av, "codecs_available", codecs)
    with VideoWriter(tmp_path / "a.mp4", Fraction(30_000, 1001)) as video:
        for number in range(4):
            video.write(scene(number)[:47, :79], number * 1001 / 30_000)
        video.finish()
    frames = list(frames_of(tmp_path / "a.mp4"))
    assert len(frames) == 4
    assert frames[0].rate == Fraction(30_000, 1001)
    assert frames[0].image.shape == (48, 80, 3)
    assert np.abs(frames[3].image[:47, :79].astype(int) - scene(3)[:47, :79]).mean() < 6


@pytest.mark.usefixtures("detector")
def test_the_command_sums_up_a_video(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask: Callable[..., Any] = CliRunner().invoke
    folder = tmp_path / "in"
    folder.mkdir()
    os.link(clip, folder / "a.mp4")
    cut(film(tmp_path / "whole.avi"), folder / "b.avi", 0.92)
    asked = ["detect", "w", str(folder), "--threshold", "0.1"]
    # The narrow detector's settings are those of no file.
    monkeypatch.setattr(
        "striate.cli.detect._begin", lambda *_, as_json: as_json and print('{"images": [')
    )
    told = ask(app, asked, catch_exceptions=False)
    assert told.exit_code == 2
    lines = told.stdout.splitlines()
    assert lines[0] == f"{folder / 'a.mp4'}: 80×48, 12 frames"
    assert lines[1].split() == ["class", "frames", "most", "in", "one"]
    assert any(line.startswith(f"{folder / 'b.avi'}: 80×48, ") for line in lines)
    assert f"{folder / 'b.avi'}: is " in told.stderr

    told = ask(app, [*asked, "--json"], catch_exceptions=False)
    images = json.loads(told.stdout)["images"]
    assert [each["frame"] for each in images[:FRAMES]] == list(range(FRAMES))
    assert images[1].keys() == {"file", "frame", "time", "width", "height", "boxes"}
    assert images[1]["time"] == pytest.approx(1 / RATE)
    assert images[-1].keys() == {"file", "frame", "time", "error"}


@pytest.mark.usefixtures("detector")
def test_without_pyav_one_line_names_the_extra(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"needed to read videos.*pip install 'striate\[video\]'"):
        striate.detect("w", clip)
    first, second = striate.detect("w", [clip, scene(0)])
    assert "striate[video]" in first.error
    assert not second.error
