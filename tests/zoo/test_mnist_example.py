"""The MNIST example: whole channels are dropped, log-probabilities come out."""

import torch
import torch.nn.functional as F

from striate.zoo.create import create


def test_logarithms_of_probabilities_come_out() -> None:
    network = create("mnist_example").eval()
    with torch.inference_mode():
        output = network(torch.randn(3, 1, 28, 28))
    torch.testing.assert_close(output.exp().sum(1), torch.ones(3))
    torch.testing.assert_close(F.log_softmax(output, 1), output)


def test_the_first_dropout_drops_whole_channels() -> None:
    network = create("mnist_example").train()
    dropped = network.dropout1(torch.ones(4, 64, 12, 12)).flatten(2)
    assert (dropped.amin(2) == dropped.amax(2)).all()
    assert 0.1 < float((dropped.amax(2) == 0).float().mean()) < 0.4
