"""Local response normalisation against its definition and against PyTorch's; the input check."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import NetworkError
from striate.zoo.create import create
from striate.zoo.layers import LocalResponseNorm


def definition(x: torch.Tensor, size: int, alpha: float, k: float) -> torch.Tensor:
    """Sec. 3.3 of the paper, word for word, one channel at a time."""
    channels = x.shape[1]
    out = torch.empty_like(x)
    for i in range(channels):
        low, high = max(0, i - size // 2), min(channels - 1, i + size // 2)
        total = (x[:, low : high + 1] ** 2).sum(1)
        out[:, i] = x[:, i] / (k + alpha * total) ** 0.75
    return out


@settings(max_examples=15, deadline=None)
@given(
    channels=st.integers(1, 12),
    size=st.sampled_from([3, 5, 7]),
    alpha=st.sampled_from([1e-4, 2e-5, 0.3]),
    k=st.sampled_from([1.0, 2.0]),
)
def test_local_response_norm_is_the_papers(
    channels: int, size: int, alpha: float, k: float
) -> None:
    x = torch.randn(2, channels, 4, 3, generator=torch.Generator().manual_seed(channels)) * 10
    torch.testing.assert_close(LocalResponseNorm(size, alpha, k)(x), definition(x, size, alpha, k))


def test_alpha_is_pytorchs_times_the_size() -> None:
    x = torch.randn(2, 16, 5, 5) * 30
    expected = F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
    torch.testing.assert_close(LocalResponseNorm(5, 1e-4, 2.0)(x), expected)


def test_the_written_gradient_is_autograds() -> None:
    x = torch.randn(2, 7, 4, 4, dtype=torch.float32) * 5
    weight = torch.randn_like(x)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    (LocalResponseNorm(5, 0.05, 1.0)(ours) * weight).sum().backward()
    (F.local_response_norm(theirs, 5, alpha=0.25, beta=0.75, k=1.0) * weight).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_half_precision_is_computed_in_float32() -> None:
    x = (torch.randn(2, 8, 4, 4) * 300).to(torch.float16)  # squares beyond float16's 65,504
    normed = LocalResponseNorm()(x)
    assert normed.dtype == torch.float16
    expected = F.local_response_norm(x.float(), 5, alpha=5e-4, beta=0.75, k=2.0)
    torch.testing.assert_close(normed.float(), expected, rtol=1e-3, atol=1e-2)


def test_an_even_window_is_refused() -> None:
    with pytest.raises(NetworkError, match="odd"):
        LocalResponseNorm(4)


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("lenet", (1, 1, 28, 28), r"\(1, 1, 28, 28\): LeNet takes \(N, 1, 32, 32\)"),
        ("lenet5", (1, 3, 32, 32), r"LeNet5 takes \(N, 1, 32, 32\)"),
        ("alexnet", (1, 3, 224, 224), r"AlexNet takes \(N, 3, 227, 227\)"),
        ("alexnet_owt", (1, 3, 62, 200), "≥63"),
        ("vgg11", (1, 3, 31, 224), "≥32"),
        ("googlenet", (1, 3, 16, 16), "≥32"),
        ("resnet18", (1, 1, 224, 224), r"ResNet takes \(N, 3, ≥1, ≥1\)"),
        ("resnet20", (3, 32, 32), r"CifarResNet takes \(N, 3"),
    ],
)
def test_a_wrong_input_is_told_the_right_one(name: str, shape: tuple, wanted: str) -> None:
    with torch.device("meta"):
        network = create(name)
    with pytest.raises(NetworkError, match=wanted):
        network(torch.empty(shape, device="meta"))
