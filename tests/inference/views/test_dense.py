from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing
from striate.errors import StriateError
from striate.hub.heads import make_head
from striate.inference.views.dense import Dense
from striate.zoo.create import create


def of(side: int, channels: int = 3) -> Preprocessing:
    given = (0.0,) * channels, (1.0,) * channels
    return Preprocessing(
        resize=side, height=side, width=side, channels=channels, mean=given[0], std=given[1]
    )


class Small(nn.Module):
    """Sees 11 pixels without padding, in steps of 2; its classifier flattens a map of 4×4."""

    def __init__(self, way: str = "flatten") -> None:
        super().__init__()
        self.way = way
        self.conv = nn.Conv2d(3, 5, 4)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(5 * 4 * 4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.conv(x)))
        if self.way == "flatten":
            x = self.dropout(torch.flatten(x, 1))
        elif self.way == "view":
            x = x.view(x.size(0), -1)
        else:
            x = x.reshape(-1, 80)
        x = torch.relu(self.norm(self.fc1(x)))
        logits: Tensor = self.fc2(x)
        return logits


@pytest.mark.parametrize("way", ["flatten", "view", "reshape"])
@torch.inference_mode()
def test_dense_is_the_sliding_window(way: str) -> None:
    network = Small(way).eval()
    dense = Dense(network, of(11))
    images = torch.rand(2, 3, 17, 15, generator=torch.Generator().manual_seed(0))
    windows = [
        network(images[:, :, top : top + 11, left : left + 11])
        for top in range(0, 17 - 11 + 1, 2)
        for left in range(0, 15 - 11 + 1, 2)
    ]
    assert len(windows) == 12
    torch.testing.assert_close(dense(images), torch.stack(windows).mean(0))
    own = images[:, :, :11, :11]
    torch.testing.assert_close(dense(own), network(own), rtol=0, atol=0)


@torch.inference_mode()
def test_a_head_that_is_no_linear_layer_sees_every_position() -> None:
    features = nn.Sequential(nn.Conv2d(3, 4, 4), nn.AvgPool2d(2), nn.Flatten())
    head = make_head("svm-rbf", features=4 * 4 * 4, classes=3, vectors=5)
    for each in (head.support, head.linear.weight):  # type: ignore[union-attr]
        each.copy_(torch.rand(each.shape, generator=torch.Generator().manual_seed(1)))
    network = nn.Sequential(features, head).eval()
    image = torch.rand(1, 3, 13, 11, generator=torch.Generator().manual_seed(0))
    expected = (network(image[:, :, :11]) + network(image[:, :, 2:])) / 2
    torch.testing.assert_close(Dense(network, of(11))(image), expected)


@torch.inference_mode()
def test_a_network_with_global_pooling_sees_the_larger_image() -> None:
    network = create("resnet20", classes=4).eval()
    image = torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Dense(network, of(32))(image), network(image))
    # The mean of the scores of all positions is the score of the mean.
    maps = network.features(image)  # type: ignore[operator]
    scores = network.fc(maps.permute(0, 2, 3, 1)).mean((1, 2))  # type: ignore[operator]
    torch.testing.assert_close(Dense(network, of(32))(image), scores, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_pooling_to_a_grid_keeps_the_size_of_its_cells() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 3)).eval()
    image = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([network(image[:, :, :, at : at + 8]) for at in (0, 4)]).mean(0)
    torch.testing.assert_close(Dense(network, of(8))(image), expected)
    uneven = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(27, 3))
    with pytest.raises(StriateError, match="uneven"):
        Dense(uneven, of(8))(image)


@pytest.mark.parametrize("name", ["lenet", "mnist_example"])
@torch.inference_mode()
def test_networks_of_one_size_take_larger_images(name: str) -> None:
    network = create(name, classes=4).eval()
    channels, side, _ = network.input_size
    image = torch.rand(1, channels, side + 16, side + 32)
    assert Dense(network, of(side, channels))(image).shape == (1, 4)
    with pytest.raises(Exception, match="flattens a fixed grid"):
        network(image)


def test_what_cannot_be_applied_to_larger_images() -> None:
    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.permute(0, 2, 3, 1).reshape(len(x), 8, 24)[:, :, :3].mean(1)

    with pytest.raises(StriateError, match="cannot be applied to whole images"):
        Dense(Fixed(), of(8))(torch.zeros(1, 3, 8, 16))
