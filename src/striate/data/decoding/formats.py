"""Which files are images, and of what format: by their names where these tell, else by content.

Pillow knows more formats than are read here. A format is read where its pixels have one agreed
meaning and a damaged file can be told; the others are named, with what to do about them.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from striate.errors import DataError
from striate.support import paths

SUFFIXES = {
    **dict.fromkeys(
        (".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjpeg", ".pjpg", ".pjp", ".mpo"),
        "JPEG",
    ),
    **dict.fromkeys((".png", ".apng"), "PNG"),
    ".webp": "WEBP",
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".gif": "GIF",
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
}
"""What the end of a file's name (in lower case) promises about its format."""

PLUGGED = {
    **dict.fromkeys((".heic", ".heif", ".heics", ".heifs", ".hif", ".hic"), "HEIC"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    ".jxl": "JPEG XL",
}
"""Likewise of formats that need a package of their own; see `striate.data.decoding.plugged`."""

_RAW = (
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".rw2"),
    *(".orf", ".ori", ".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".erf", ".mrw", ".kdc"),
    *(".dcr", ".raw", ".rwl", ".gpr", ".mos", ".mef", ".cap", ".bay"),
)

FOREIGN = {
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf", ".jpm", ".j2c", ".jpc", ".jph"), "JPEG 2000"),
    **dict.fromkeys((".jxr", ".wdp", ".hdp"), "JPEG XR"),
    **dict.fromkeys(_RAW, "camera raw"),
    **dict.fromkeys((".psd", ".psb"), "Photoshop"),
    ".xcf": "GIMP",
    **dict.fromkeys((".svg", ".svgz"), "SVG"),
    **dict.fromkeys((".eps", ".ai"), "PostScript"),
    **dict.fromkeys((".tga", ".targa"), "Targa"),
    ".exr": "OpenEXR",
    **dict.fromkeys((".hdr", ".pfm"), "high-dynamic-range"),
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys((".fits", ".fit", ".fts"), "FITS"),
    **dict.fromkeys((".ico", ".cur", ".icns"), "icon"),
    ".pcx": "PCX",
    ".qoi": "QOI",
    ".dds": "DDS",
}
"""Images that are not read here; passing over them as if they were notes would be a trap."""

#: Of `FOREIGN`, those that other programs use as well (Garmin's tracks, ENVI's headers, captures of
#: networks, fonts' measures, dumps of a sensor), and whose images are recognised by their first
#: bytes.
_AMBIGUOUS = frozenset(
    (".fit", ".fts", ".hdr", ".pfm", ".cap", ".ori", ".raw", ".gpr", ".dcr", ".mos", ".srf")
)

_REMEDIES = {
    "camera raw": "develop it to JPEG or TIFF",
    "SVG": "render it to PNG",
    "PostScript": "render it to PNG",
    "Photoshop": "save it as PNG or TIFF",
    "GIMP": "save it as PNG or TIFF",
    "OpenEXR": "map its range to 8 or 16 bits and save it as PNG",
    "high-dynamic-range": "map its range to 8 or 16 bits and save it as PNG",
    "FITS": "map its range to 8 or 16 bits and save it as PNG",
    "DICOM": "save its picture, with the window that you look at it through, as PNG",
}

#: Names that say plainly that a file is something else; so a label beside each of a million
#: images is not opened, and a download that is under way is not taken for a broken image.
_OTHERS = {
    *(".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml"),
    *(".ini", ".cfg", ".log", ".html", ".htm", ".css", ".js", ".py", ".ipynb", ".sh", ".m"),
    *(".pdf", ".doc", ".docx", ".xls", ".xlsx", ".odt", ".ods", ".ppt", ".pptx"),
    *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"),
    *(".npy", ".npz", ".pt", ".pth", ".pkl", ".h5", ".hdf5", ".mat", ".parquet", ".tfrecord"),
    *(".safetensors", ".onnx", ".bin", ".db", ".sqlite", ".lmdb", ".mdb"),
    *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mp3", ".wav", ".ogg", ".flac"),
    *(".part", ".partial", ".crdownload", ".download", ".tmp", ".bak", ".lock"),
    *(".thm", ".aae", ".xmp", ".lnk", ".url", ".exe", ".dll"),
}

_KINDS = {
    **dict.fromkeys(_OTHERS, ""),
    **{
        suffix: kind
        for suffix, kind in (FOREIGN | PLUGGED | SUFFIXES).items()
        if suffix not in _AMBIGUOUS
    },
}
_HEAD = 132  # bytes: up to DICOM's mark, which is the last one
_OF_AVIF, _OF_ANY_CODEC = (b"avif", b"avis"), (b"mif1", b"mif2", b"msf1")
_ISO_BRANDS = {
    **dict.fromkeys(_OF_AVIF, "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm"), "HEIC"),
    **dict.fromkeys(_OF_ANY_CODEC, "HEIC"),
    b"crx ": "camera raw",
}
_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"IIU\0", "camera raw"),  # Panasonic
    (b"IIRO", "camera raw"),  # Olympus
    (b"IIRS", "camera raw"),
    (b"MMOR", "camera raw"),
    (b"FOVb", "camera raw"),  # Sigma
    (b"\0MRM", "camera raw"),  # Minolta
    (b"8BPS", "Photoshop"),
    (b"gimp xcf", "GIMP"),
    (b"%!PS-Adobe", "PostScript"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "high-dynamic-range"),
    (b"#?RGBE", "high-dynamic-range"),
    (b"PF\n", "high-dynamic-range"),
    (b"Pf\n", "high-dynamic-range"),
    (b"SIMPLE  =", "FITS"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
)


def kind_of(path: Path) -> str:
    """The kind of image that a file is, by its name where that tells, else by its first bytes.

    A name of `SUFFIXES`, `PLUGGED` or `FOREIGN` is believed: whether the file keeps that promise is
    for `striate.data.decoding.decode` to find out, which says what is wrong with it. Other files
    (``a.jpg_large``, ``a.jpg?w=600``, no ending at all), and those whose ending other programs use
    too (``ride.fit``, ``scene.hdr``), are opened and their first bytes looked at.

    Args:
        path: a file, or whatever else lies in a folder of images.

    Returns:
        A value of `SUFFIXES` (``"JPEG"``, ``"PNG"`` …) or of `PLUGGED` (``"HEIC"`` …) for what is
        read here, a value of `FOREIGN` (``"camera raw"`` …) for images that are not, and ``""`` for
        what is no image, no regular file, or cannot be read.
    """
    known = kind_of_name(path.name)
    if known is not None:
        return known
    promised = FOREIGN.get(path.suffix.lower())
    with suppress(DataError, OSError):
        kind = kind_of_content(paths.read_start(path, _HEAD, kind=DataError)[0])
        # Raw files of many cameras begin as TIFF does; what follows is a thumbnail.
        return "camera raw" if (promised, kind) == ("camera raw", "TIFF") else kind
    return ""


def kind_of_name(name: str) -> str | None:
    """As `kind_of`, of a file's name alone; None where that does not tell.

    >>> kind_of_name("a.jpg"), kind_of_name("a.txt"), kind_of_name("a")
    ('JPEG', '', None)
    """
    dot = name.rfind(".")
    return _KINDS.get(name[dot:].lower()) if dot > 0 else None


def kind_of_content(head: bytes) -> str:
    """As `kind_of`, of the first bytes of a file (132 of them are enough)."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[4:8] == b"ftyp":
        brands = head[8 : max(16, int.from_bytes(head[:4], "big"))]
        if head[8:12] in _OF_ANY_CODEC and any(each in brands for each in _OF_AVIF):
            return "AVIF"
        return _ISO_BRANDS.get(head[8:12], "")
    signs = {
        "WEBP": head[:4] == b"RIFF" and head[8:12] == b"WEBP",
        "camera raw": (head[:4] == b"II*\0" and head[8:10] == b"CR") or _is_phase_one(head),
        "TIFF": head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "BMP": head[:2] == b"BM" and _is_bitmap_header(head),
        "PPM": re.match(rb"P[1-6][ \t\r\n]+[0-9#]", head) is not None,
        "DICOM": head[128:132] == b"DICM",
    }
    return next((kind for kind, seen in signs.items() if seen), "")


def remedy_for(foreign: str) -> str:
    """What to do with an image of a kind that is not read here (a value of `FOREIGN`)."""
    return _REMEDIES.get(foreign, "convert it to JPEG or PNG")


def _is_phase_one(head: bytes) -> bool:
    """Whether it is Phase One's own format, in either order of bytes."""
    return (head[:4], head[5:8]) == (b"IIII", b"waR") or (head[:4], head[4:7]) == (b"MMMM", b"Raw")


def _is_bitmap_header(head: bytes) -> bool:
    """Whether a header of one of the known lengths follows: "BM" alone begins many a text."""
    length = int.from_bytes(head[14:18], "little")
    return head[6:10] == bytes(4) and length in (12, 16, 40, 52, 56, 64, 108, 124)
