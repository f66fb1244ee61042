"""Write docs/arithmetic.md: every formula with numbers that the program itself has counted.

Run ``python tools/arithmetic.py`` after a change of the text or of the arithmetic; a test compares.
"""

# ruff: noqa: E501 - the page's prose, with its numbers in it

from __future__ import annotations

from pathlib import Path

from striate.anatomy.costs.formulas import Line, by, human_bytes
from striate.anatomy.explain import Explanation
from striate.anatomy.explain import explain as explain_layer
from striate.anatomy.graph.record import Graph
from striate.anatomy.show.text import ratio
from striate.anatomy.table import table
from striate.anatomy.what_if import what_if
from striate.runs.open_network import open_network
from striate.support.words import plain_percent

PAGE = Path(__file__).resolve().parents[1] / "docs" / "arithmetic.md"


class Networks:
    """Graphs, recorded once each."""

    def __init__(self) -> None:
        self._known: dict[str, Graph] = {}

    def __getitem__(self, name: str) -> Graph:
        if name not in self._known:
            self._known[name] = open_network(name).record()
        return self._known[name]

    def training(self, name: str) -> Graph:
        """The network as it is in training."""
        return open_network(name).record(training=True)

    def explain(self, name: str, layer: str, at: tuple[int, int] | None = None) -> Explanation:
        """The arithmetic of one layer."""
        return explain_layer(self[name], layer, at=at)


def line_of(found: Explanation, what: str) -> Line:
    """The line of an explanation that is called `what`."""
    return next(line for line in found.lines if line.what == what)


def rows(*lines: tuple[str, Line]) -> str:
    """A table of formulas: what they are of, with numbers, and what they come to."""
    out = ["| of | with numbers | |", "|:--|:--|--:|"]
    for what, line in lines:
        value = f"{line.value:,}" if isinstance(line.value, int) else line.value
        out.append(f"| {what} | {line.filled} | {value} |")
    return "\n".join(out)


def asked(*texts: str) -> str:
    """A question for ``striate what-if``, and its answer as a table."""
    found = what_if(texts)
    command = " ".join(f'"{text}"' for text in texts)
    out = ["```sh", f"striate what-if {command}", "```", ""]
    out += ["| layers | parameters | MACs | sees |", "|:--|--:|--:|--:|"]
    out += [
        f"| `{c.text}` | {c.parameters:,} | {c.macs:,} | {by(c.receptive_field)} |" for c in found
    ]
    return "\n".join(out)


def output_size(known: Networks) -> str:
    """Three windows: exact, rounded down, rounded up."""
    examples = (
        (
            "`conv1` of `alexnet`: 227 pixels, kernel 11, stride 4",
            known.explain("alexnet", "conv1"),
        ),
        ("`conv1` of `resnet50`: padding 3, rounded down", known.explain("resnet50", "conv1")),
        ("`pool1` of `googlenet`: rounded up", known.explain("googlenet", "pool1")),
    )
    return rows(*((what, line_of(found, "height and width")) for what, found in examples))


def parameters(known: Networks) -> str:
    """From a convolution of a few hundred to the largest dense layer."""
    examples = (
        ("`conv2` of `lenet`", "lenet", "conv2"),
        ("`C3` of `lenet5`: 36 of the 96 kernels do not exist", "lenet5", "C3"),
        ("`conv2` of `alexnet`: two groups", "alexnet", "conv2"),
        ("`conv5` of `alexnet_half`", "alexnet_half", "conv5"),
        ("`fc1` of `lenet`: dense, 400 inputs", "lenet", "fc1"),
        ("`fc6` of `vgg16`: three quarters of the network", "vgg16", "fc6"),
        ("`bn1` of `resnet50`: a scale and a shift a channel", "resnet50", "bn1"),
    )
    return rows(
        *(
            (what, line_of(known.explain(name, layer), "parameters"))
            for what, name, layer in examples
        )
    )


def macs(known: Networks) -> str:
    """The same layers, or nearly, at work."""
    examples = (
        ("`conv2` of `lenet`", "lenet", "conv2"),
        ("`conv2` of `alexnet`: each group works on half of the channels", "alexnet", "conv2"),
        ("`conv1.2` of `vgg16`", "vgg16", "conv1.2"),
        ("`fc6` of `vgg16`", "vgg16", "fc6"),
    )
    return rows(
        *((what, line_of(known.explain(name, layer), "MACs")) for what, name, layer in examples)
    )


def recursion(known: Networks) -> str:
    """AlexNet from its last pooling down to the image."""
    found = known.explain("alexnet", "pool5")
    out = ["| layer | r = (r − 1)·s + k | |", "|:--|:--|--:|"]
    out += [
        f"| `{way.layer}` | {way.line.filled} | {way.line.value} |" for way in found.backward[0]
    ]
    return "\n".join(out)


def forward(known: Networks) -> str:
    """AlexNet from the image up to its last pooling."""
    out = ["| layer | r + (k − 1)·j | field | jump j·s |", "|:--|:--|--:|--:|"]
    for layer in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"):
        field, jump = known.explain("alexnet", layer).forward
        out.append(f"| `{layer}` | {field.filled} | {field.value} | {jump.value} |")
    return "\n".join(out)


def fields(known: Networks) -> str:
    """How far the last feature maps of several networks see."""
    out = ["| network | field of its last feature map | its input |", "|:--|--:|--:|"]
    for name in ("lenet", "alexnet", "vgg16", "googlenet", "resnet50", "torchvision:inception_v3"):
        total = table(known[name]).totals
        seen = total.convolutional_receptive_field
        assert seen is not None
        out.append(f"| `{name}` | {by(seen)} | {by(total.input[-2:])} |")
    return "\n".join(out)


def definitions(known: Networks) -> str:
    """The formulas of what counts alone do not explain."""
    examples = (
        ("`bn1` of `resnet50`, batch normalisation", "resnet50", "bn1"),
        ("`norm1` of `alexnet`, local response normalisation", "alexnet", "norm1"),
        ("`dropout6` of `alexnet`", "alexnet", "dropout6"),
    )
    out = []
    for what, name, layer in examples:
        found = known.explain(name, layer).definition
        assert found is not None
        out.append(f"{what}:\n\n> {found.formula}\n")
        out.append("\n".join(f"- {note}" for note in found.notes) + "\n")
    return "\n".join(out).rstrip()


def branches(known: Networks) -> str:
    """Where GoogLeNet's auxiliary heads leave it."""
    found = table(known.training("googlenet")).totals.branches
    return " and ".join(
        f"`{each.name}` branches off after `{each.source}` ({by(each.shape)})" for each in found
    )


def memory(known: Networks) -> str:
    """What several networks take of it."""
    out = ["| network | parameters | one forward | one step of training, batch of one |"]
    out.append("|:--|--:|--:|--:|")
    for name in ("lenet", "alexnet", "vgg16", "googlenet", "resnet50"):
        t = table(known[name]).totals
        stored = human_bytes(4 * t.stored)
        step = human_bytes(t.training_memory.total)
        out.append(f"| `{name}` | {stored} | {human_bytes(t.memory)} | {step} |")
    return "\n".join(out)


def page() -> str:
    """The whole document."""
    known = Networks()
    reduced = ("5x5 128->256 @100x100", "1x1 128->32, 5x5 32->256 @100x100")
    first, second = what_if(reduced)
    threes = ("5x5 64->64 nobias", "3x3 64->64 nobias, 3x3 64->64 nobias")
    sevens = ("7x7 64->64 nobias", "3x3 64->64 nobias, 3x3 64->64 nobias, 3x3 64->64 nobias")
    thin = ("3x3 64->64 nobias", "1x3 64->64 nobias, 3x1 64->64 nobias")
    ends = ("flatten 7x7x1024 -> 1000", "gap 7x7x1024 -> 1000")
    flat, pooled = what_if(ends)
    five, two = what_if(threes)
    seven, three = what_if(sevens)
    square, pair = what_if(thin)
    conv = known.explain("alexnet_half", "conv5")
    corner = known.explain("resnet50", "conv1", (0, 0)).sights[0]
    vgg = table(known["vgg16"]).totals
    return f"""# The arithmetic of convolutional networks

**English** · [简体中文](arithmetic.zh-CN.md)

Every number on this page was counted by the program; `python tools/arithmetic.py` writes the page, and
a test notices when it is no longer true. For any layer of any network, yours included, the same comes from

```sh
striate explain alexnet conv2
striate explain resnet50 conv3_x.0.conv2 --at 0,0
striate explain lenet
striate table googlenet
```

The third goes through the layers in turn.

The letters: n is the size of the input along an axis, k the kernel's, p the padding at each end, s the
stride, d the dilation, g the groups; c_in and c_out are channels; h and w are the output's height and width;
r is the receptive field and j the jump, both in pixels of the image.

## Size of the output

> 1 + ⌊(n − k + 2p) / s⌋

The kernel can stand at its first place and then take as many strides as fit into what is left. PyTorch
rounds down; pooling with `ceil_mode`, as in the networks that Caffe trained, rounds up. A dilated kernel
counts with what lies under it, d·(k − 1) + 1. A transposed convolution goes the other way:
(n − 1)·s − 2p + d·(k − 1) + 1, plus its output padding.

{output_size(known)}

## Parameters

> convolution: (k·k·c_in/g + 1)·c_out  dense: (c_in + 1)·c_out

The 1 is the bias; a convolution that batch normalisation follows has none. Pooling, ReLU and dropout have
no parameters at all.

{parameters(known)}

A common slip is to write the size of the feature map where the kernel's belongs. The half-width AlexNet's
`conv5` works on a map of 13×13 with a kernel of 3×3: {line_of(conv, "parameters").filled} =
{line_of(conv, "parameters").value:,} parameters. With 13·13 in the formula it would be
{13 * 13 * 192 * 128 + 128:,}, nearly nineteen times too many.

## Multiply-accumulates

> convolution: k·k·c_in/g·c_out·h·w  dense: c_in·c_out

Each value of the output takes one multiplication and one addition for each weight of its kernel. Biases,
activations, pooling and normalisation are counted apart, as "other operations", and never mixed in. Many
tools print twice this number and call it FLOPs.

{macs(known)}

Where the two costs sit differs: the three dense layers of VGG-16 hold
{plain_percent(vgg_dense(known), 0)} of its {vgg.parameters:,} parameters and take
{plain_percent(vgg_dense_macs(known), 1)} of its {vgg.macs:,} MACs.

A layer that the counter does not know and that reads parameters is not passed over in silence: the total
then lists how many operators it leaves out, and which.

## Normalisation and dropout

What these layers do is not in their counts. `striate explain` gives the formula with the layer's own constants.

{definitions(known)}

## Receptive field, from either end

From the output down to the image, start with r = 1 and apply at each layer

> r = (r − 1)·s + k

`pool5` of AlexNet:

{recursion(known)}

From the image up, the jump travels along: r grows by (k − 1)·j, then j is multiplied by the stride.

{forward(known)}

Both ends meet at {known.explain("alexnet", "pool5").receptive_field[0]} pixels. With dilation, k − 1 becomes
d·(k − 1). Where branches meet, the widest counts. The field may be larger than the image; then a position in
the middle sees all of it.

{fields(known)}

A network that mixes all positions before its last feature map (attention over the whole map, a class token among
its tokens, a Fourier transform) sees all of the image, and that is what the tables say, however small its first
kernel was. Gates such as those of squeeze-and-excitation, and normalisations whose statistics are
the image's own, are told apart: `compare` shows how far the network sees without them.

Where a field lies: position q sees the pixels from low + q·j to high + q·j, and each layer shifts low by
−p·j. The first position of ResNet-50's `conv1` would see rows {corner.first} to {corner.last}; rows
{corner.clipped[0]} to {corner.clipped[1]} exist, the rest is padding.

## Why a 1×1 convolution first

It makes the channels fewer before the dear kernel sees them:

{asked(*reduced)}

{ratio(first.macs, second.macs).capitalize()} multiply-accumulates, {ratio(first.parameters, second.parameters)}
parameters, the same receptive field and one more ReLU. It costs memory instead: one more feature map, so
{human_bytes(second.memory)} instead of {human_bytes(first.memory)}.

## Two 3×3 for a 5×5

{asked(*threes)}

Two 3×3 see as far as one 5×5 with {plain_percent(1 - two.parameters / five.parameters, 0)} fewer weights, and three see as
far as one 7×7 with {plain_percent(1 - three.parameters / seven.parameters, 0)} fewer. They are not the same function: there is a
ReLU between them. This holds at stride 1 and with no pooling between.

{asked(*sevens)}

## 1×3 and 3×1 for a 3×3

{asked(*thin)}

{plain_percent(pair.macs / square.macs, 1)} of the weights and of the work, at equal numbers of channels. It does not pay where
the layer in between is wider, and on early, large feature maps it has not worked well (Szegedy et al., *Rethinking
the Inception Architecture*, Sec. 3.2).

## Flatten, or average first

{asked(*ends)}

A dense layer on the flattened 7×7 grid has a weight for each place; after global average pooling it has one for
each channel: {ratio(flat.parameters, pooled.parameters)} parameters, and any image size will do.

## Auxiliary losses

GoogLeNet's two auxiliary heads count with 0.3 each beside the classifier's 1, so the three losses weigh
1 : 0.3 : 0.3, which is {plain_percent(1 / 1.6, 2)} and twice {plain_percent(0.3 / 1.6, 2)}. A common slip is 6 : 2 : 2, where each would count
a third. The heads have {table(known["googlenet"]).totals.stored - table(known["googlenet"]).totals.parameters:,} of the
network's {table(known["googlenet"]).totals.stored:,} parameters, and prediction never touches them.
{branches(known)}.
The network as it is in training shows them with their layers:

```sh
striate table googlenet --training
```

## Memory

> a feature map: c·h·w·4 bytes in float32

One forward allocates the sum over all operators; a view or an operator that works in place allocates nothing. A
step of training keeps weights, their gradients and the optimiser's momentum, and of the activations those that
the backward pass reads: what autograd keeps is measured, so that copies, masks and positions count as they
are. Attention counts as graphics cards run it, fused; processors keep more where it has dropout, and less of an
LSTM. Activations grow with the batch, the rest does not.

{memory(known)}
"""


def vgg_dense(known: Networks) -> float:
    """The share of VGG-16's parameters in its dense layers."""
    found = table(known["vgg16"])
    return sum(row.parameters for row in found.rows if row.operator == "linear") / (
        found.totals.parameters
    )


def vgg_dense_macs(known: Networks) -> float:
    """The share of VGG-16's MACs in its dense layers."""
    return sum(row.share for row in table(known["vgg16"]).rows if row.operator == "linear")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
