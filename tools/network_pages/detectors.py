"""What the page of a network that finds boxes says otherwise than that of one that classifies."""

from __future__ import annotations

from striate.zoo.catalogue import Entry

#: Of the authors' files: what they are called, how long they are, and their SHA-1 or SHA-256.
WEIGHTS = {
    "yolov4": ("yolov4.weights", 257_717_640, "SHA-1 `0143deb6c46fcc7f74dd35bf3c14edc3784e99ee`"),
    "yolov4_tiny": (
        "yolov4-tiny.weights",
        24_251_276,
        "SHA-256 `cf9fbfd0f6d4869b35762f56100f50ed05268084078805f0e7989efe5bb8ca87`",
    ),
}
#: Network input: AP and AP50 on COCO's test-dev; None where the authors give none.
FIGURES = {
    "yolov4": (
        (320, "38.0", "60.0"), (416, "41.2", "62.8"), (512, "43.0", "64.9"), (608, "43.5", "65.7"),
    ),
    "yolov4_tiny": ((416, "", "40.2"),),
}  # fmt: skip


def published(entry: Entry) -> str:
    """The accuracy that the authors give, in per cent."""
    lines = ["| data | input | AP | AP50 | source |", "|:--|--:|--:|--:|:--|"]
    lines += [
        f"| COCO test-dev 2017 | {size} | {ap} | {ap50} | the authors' README |"
        for size, ap, ap50 in FIGURES[entry.name]
    ]
    return "\n".join(lines)


def using(entry: Entry) -> str:
    """Commands and Python."""
    file, _, _ = WEIGHTS[entry.name]
    return "\n".join(
        [
            "```sh",
            f"striate detect {file} photos/ -o found/",
            f"striate view {entry.name} -o {entry.name}.html",
            "```",
            "",
            "```python",
            "import striate",
            "",
            f'found = striate.detect("{file}", "street.jpg")',
            f'network = striate.create("{entry.name}", classes=5)  # the maps of its heads',
            "```",
            "",
            "[Detection](../detection.md) explains both. It is not trained here.",
        ]
    )


def weights(entry: Entry) -> str:
    """The file that the authors published."""
    file, size, check = WEIGHTS[entry.name]
    return (
        f"The authors' `{file}`, trained on COCO's 80 classes: {size:,} bytes, {check}. The same "
        "weights in the layouts of\nfour other repositories, and files trained there, are read as "
        "well: [Detection](../detection.md)."
    )
