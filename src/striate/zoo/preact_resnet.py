"""Pre-activation residual networks: He et al., "Identity Mappings in Deep Residual Networks", 2016.

In the first residual networks a ReLU follows each addition and stands in the way of the signal.
Here batch normalisation and ReLU come before each convolution (Fig. 1b, 4e), so that nothing but
additions lies between any two units, forwards and backwards. That helps the more the deeper:
on CIFAR-10 the 110-layer network errs in 6.37 % instead of 6.61 %, the 164-layer one in 5.46 %
instead of 5.93 %, the 1001-layer one in 4.92 % instead of 7.61 % (Tables 2 and 3, medians of 5;
4.62 % with batches of 64, Table 4). On ImageNet ResNet-200 reached 21.8 % top-1 error before and
20.7 % after (Table 5, 320×320 crop), 20.1 % with aspect-ratio augmentation.

As the appendix says, the first activation comes right after the first convolution and before the
paths split, and one more follows the last addition. In the first unit of each further stage both
paths share the activation; projections have no batch normalisation (the authors' release). The
stride of a bottleneck is in its first 1×1 on CIFAR (resnet-1k-layers), in its 3×3 on ImageNet
(fb.resnet.torch, where the ImageNet results come from). The paper prints 10.2 million parameters
for 1001 layers: that leaves batch normalisation out.

`checkpointing` trains the deep ones in little memory, with results that are the same to the bit.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.attention import Attention, make_attention
from striate.zoo.checkpointing import Stage
from striate.zoo.layers import Conv2d, Linear, Network, check_input, collect, initialise
from striate.zoo.resnet import Form, Shortcut, make_shortcut

# Units a stage. CIFAR (Sec. 3, appendix): 110 has 6n + 2 layers with n = 18 units of two 3×3 in
# each of three stages (16, 32, 64 channels); 164 and 1001 have 9n + 2 with n = 18 and 111
# bottlenecks (64, 128, 256 channels). ImageNet (Table 5): ResNet-152 with 16 more units on 28×28.
UNITS = {
    110: (18, 18, 18),
    164: (18, 18, 18),
    1001: (111, 111, 111),
    200: (3, 24, 36, 3),
}


class BasicUnit(nn.Module):
    """Twice batch normalisation, ReLU, 3×3 (Fig. 4e): inputs -> channels, stride in the first.

    `shared`: the shortcut, too, starts from the activation. `activated`: the input is active
    already.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        stride: int,
        form: Form,
        *,
        shared: bool,
        activated: bool = False,
    ) -> None:
        super().__init__()
        self.shared = shared
        self.bn1 = None if activated else nn.BatchNorm2d(inputs)
        self.conv1 = Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.attention = make_attention(form.attention, channels)
        self.shortcut = make_shortcut(inputs, channels, stride, form.shortcut, batch_norm=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, channels, H / stride, W / stride)."""
        y = x if self.bn1 is None else F.relu(self.bn1(x), inplace=True)
        if self.shared:
            x = y
        y = self.conv1(y)
        y = self.conv2(F.relu(self.bn2(y), inplace=True))
        y = self.attention(y)
        y += self.shortcut(x)
        return y  # type: ignore[no-any-return]


class BottleneckUnit(nn.Module):
    """Batch normalisation and ReLU before 1×1, 3×3 and 1×1 each: inputs -> 4 * channels.

    `shared`: the shortcut, too, starts from the activation. `activated`: the input is active
    already.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        stride: int,
        form: Form,
        *,
        shared: bool,
        activated: bool = False,
    ) -> None:
        super().__init__()
        first, second = (1, stride) if form.stride_in_3x3 else (stride, 1)
        outputs = 4 * channels
        self.shared = shared
        self.bn1 = None if activated else nn.BatchNorm2d(inputs)
        self.conv1 = Conv2d(inputs, channels, 1, first, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, second, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.conv3 = Conv2d(channels, outputs, 1, bias=False)
        self.attention = make_attention(form.attention, outputs)
        self.shortcut = make_shortcut(inputs, outputs, stride, form.shortcut, batch_norm=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 4 * channels, H / stride, W / stride)."""
        y = x if self.bn1 is None else F.relu(self.bn1(x), inplace=True)
        if self.shared:
            x = y
        y = self.conv1(y)
        y = self.conv2(F.relu(self.bn2(y), inplace=True))
        y = self.conv3(F.relu(self.bn3(y), inplace=True))
        y = self.attention(y)
        y += self.shortcut(x)
        return y  # type: ignore[no-any-return]


def make_stage(
    inputs: int,
    channels: int,
    stride: int,
    count: int,
    *,
    form: Form,
    activated: bool = False,
    checkpointing: bool = False,
) -> Stage:
    """Make `count` units, the stride in the first; `activated`: the first one's input is active."""
    unit = BottleneckUnit if form.bottleneck else BasicUnit
    outputs = 4 * channels if form.bottleneck else channels
    first = unit(inputs, channels, stride, form, shared=True, activated=activated)
    rest = (unit(outputs, channels, 1, form, shared=False) for _ in range(1, count))
    return Stage(first, *rest, checkpointing=checkpointing)


class PreActResNet(Network):
    """The ImageNet network of bottleneck units; `units` counts them for each stage.

    Takes (N, in_channels, H, W) of any size (the paper: 224) and gives logits (N, classes).
    """

    def __init__(
        self,
        units: tuple[int, ...],
        form: Form,
        *,
        checkpointing: bool = False,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 256, 512, 1024, 2048)
        stage = partial(make_stage, form=form, checkpointing=checkpointing)
        self.conv1 = Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2_x = stage(64, 64, 1, units[0], activated=True)
        self.conv3_x = stage(256, 128, 2, units[1])
        self.conv4_x = stage(512, 256, 2, units[2])
        self.conv5_x = stage(1024, 512, 2, units[3])
        self.bn = nn.BatchNorm2d(2048)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(2048, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, activated, (N, 2048, H / 32, W / 32).

        The sums before it come without the ReLU with which the next unit begins.
        """
        check_input(x, "PreActResNet", self.input_size[0])
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 64×112×112
        x = self.pool1(collect(x, finer))  # 64×56×56
        x = self.conv2_x(x)  # 256×56×56
        x = self.conv3_x(collect(x, finer))  # 512×28×28
        x = self.conv4_x(collect(x, finer))  # 1024×14×14
        x = self.conv5_x(collect(x, finer))  # 2048×7×7
        x = F.relu(self.bn(x), inplace=True)  # 2048×7×7
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 2048)."""
        x = self.pool(self.features(x))  # 2048×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 1000
        return x


class CifarPreActResNet(Network):
    """The CIFAR networks: three stages of basic or bottleneck units.

    Takes (N, in_channels, H, W) of any size (the paper: 32) and gives logits (N, classes).
    """

    def __init__(
        self,
        units: tuple[int, ...],
        form: Form,
        *,
        checkpointing: bool = False,
        classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 32, 32)
        stage = partial(make_stage, form=form, checkpointing=checkpointing)
        wide = 4 if form.bottleneck else 1
        self.strides = (1, 2, 4)
        self.channels = (16 * wide, 32 * wide, 64 * wide)
        self.conv1 = Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.stage1 = stage(16, 16, 1, units[0], activated=True)
        self.stage2 = stage(16 * wide, 32, 2, units[1])
        self.stage3 = stage(32 * wide, 64, 2, units[2])
        self.bn = nn.BatchNorm2d(64 * wide)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(64 * wide, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, activated, (N, 64 or 256, H / 4, W / 4).

        The sums before it come without the ReLU with which the next unit begins.
        """
        check_input(x, "CifarPreActResNet", self.input_size[0])
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 16×32×32
        x = self.stage1(x)  # 16×32×32, bottleneck 64×32×32
        x = self.stage2(collect(x, finer))  # 32×16×16, bottleneck 128×16×16
        x = self.stage3(collect(x, finer))  # 64×8×8, bottleneck 256×8×8
        x = F.relu(self.bn(x), inplace=True)  # 64×8×8, bottleneck 256×8×8
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 64 or 256)."""
        x = self.pool(self.features(x))  # 64×1×1, bottleneck 256×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 10
        return x


def _cifar(
    depth: int, form: Form, checkpointing: bool, classes: int, in_channels: int
) -> CifarPreActResNet:
    """The CIFAR network with so many layers."""
    return CifarPreActResNet(
        UNITS[depth], form, checkpointing=checkpointing, classes=classes, in_channels=in_channels
    )


def preact_resnet110(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "A",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarPreActResNet:
    """Pre-activation ResNet-110 for CIFAR: two 3×3 a unit."""
    form = Form(shortcut=shortcut, attention=attention)
    return _cifar(110, form, checkpointing, classes, in_channels)


def preact_resnet164(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarPreActResNet:
    """Pre-activation ResNet-164 for CIFAR: 54 bottleneck units."""
    form = Form(bottleneck=True, shortcut=shortcut, attention=attention)
    return _cifar(164, form, checkpointing, classes, in_channels)


def preact_resnet1001(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarPreActResNet:
    """Pre-activation ResNet-1001 for CIFAR: 333 bottleneck units."""
    form = Form(bottleneck=True, shortcut=shortcut, attention=attention)
    return _cifar(1001, form, checkpointing, classes, in_channels)


def preact_resnet200(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
    checkpointing: bool = False,
) -> PreActResNet:
    """Pre-activation ResNet-200 for ImageNet: 66 bottleneck units."""
    return PreActResNet(
        UNITS[200],
        Form(bottleneck=True, stride_in_3x3=True, shortcut=shortcut, attention=attention),
        checkpointing=checkpointing,
        classes=classes,
        in_channels=in_channels,
    )
