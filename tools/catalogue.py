"""Count every network and write the zoo's `catalogue.json`: run ``python tools/catalogue.py``.

Parameters are what training changes, auxiliary heads included; multiply-accumulates (MACs) are
those of convolutions and linear layers for one image of the paper's size at prediction time,
without auxiliary heads. Nothing is computed: the networks live on the meta device.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.zoo.catalogue import FILE
from striate.zoo.create import CONSTRUCTORS, DETECTORS, create
from striate.zoo.weightless import weightless

# The paper of each family and the year when it appeared.
PAPERS = {
    "lenet": (
        "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition",
        1998,
    ),
    "alexnet": (
        "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional "
        "Neural Networks",
        2012,
    ),
    "alexnet_owt": (
        "Krizhevsky: One weird trick for parallelizing convolutional neural networks",
        2014,
    ),
    "zfnet": ("Zeiler, Fergus: Visualizing and Understanding Convolutional Networks", 2013),
    "nin": ("Lin, Chen, Yan: Network In Network", 2013),
    "vgg": (
        "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition",
        2014,
    ),
    "googlenet": ("Szegedy et al.: Going Deeper with Convolutions", 2014),
    "inception_v2": (
        "Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing "
        "Internal Covariate Shift",
        2015,
    ),
    "inception_v3": (
        "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for "
        "Computer Vision",
        2015,
    ),
    "resnet": ("He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition", 2015),
    "preact_resnet": ("He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks", 2016),
    "inception_v4": (
        "Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the Impact of "
        "Residual Connections on Learning",
        2016,
    ),
    "xception": ("Chollet: Xception: Deep Learning with Depthwise Separable Convolutions", 2016),
    "se_inception": ("Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks", 2017),
    "se_resnet": ("Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks", 2017),
    "darknet": ("Redmon, Farhadi: YOLOv3: An Incremental Improvement", 2018),
    "cbam_resnet": ("Woo, Park, Lee, Kweon: CBAM: Convolutional Block Attention Module", 2018),
    "hrnet": (
        "Wang et al.: Deep High-Resolution Representation Learning for Visual Recognition",
        2019,
    ),
    "cspdarknet": (
        "Wang et al.: CSPNet: A New Backbone that can Enhance Learning Capability of CNN",
        2019,
    ),
    "yolov4": (
        "Bochkovskiy, Wang, Liao: YOLOv4: Optimal Speed and Accuracy of Object Detection",
        2020,
    ),
    "mnist_example": ("PyTorch examples: Basic MNIST Example (no paper)", 2019),
}

# The family, which shares a recipe, and the title of each network.
TITLES = {
    "lenet": ("lenet", "LeNet, the textbook form: sigmoid, average pooling"),
    "lenet5": ("lenet", "LeNet-5 of 1998: C3 table, trainable sub-sampling, RBF output"),
    "alexnet": ("alexnet", "AlexNet: two groups, local response normalisation"),
    "alexnet_owt": ("alexnet", "AlexNet on one tower, as in torchvision"),
    "alexnet_half": ("alexnet", "AlexNet at half width, five classes"),
    "zfnet": ("zfnet", "ZFNet: AlexNet with a finer first layer"),
    "nin": ("nin", "Network in Network for ImageNet"),
    "nin_cifar": ("nin", "Network in Network for CIFAR"),
    "vgg11": ("vgg", "VGG-11 (A)"),
    "vgg11_lrn": ("vgg", "VGG-11 with local response normalisation (A-LRN)"),
    "vgg13": ("vgg", "VGG-13 (B)"),
    "vgg16_c": ("vgg", "VGG-16 with three 1×1 convolutions (C)"),
    "vgg16": ("vgg", "VGG-16 (D)"),
    "vgg19": ("vgg", "VGG-19 (E)"),
    "vgg11_bn": ("vgg", "VGG-11 with batch normalisation"),
    "vgg13_bn": ("vgg", "VGG-13 with batch normalisation"),
    "vgg16_bn": ("vgg", "VGG-16 with batch normalisation"),
    "vgg19_bn": ("vgg", "VGG-19 with batch normalisation"),
    "googlenet": ("googlenet", "GoogLeNet: local response normalisation, two auxiliary heads"),
    "googlenet_bn": ("googlenet", "GoogLeNet with batch normalisation, as in torchvision"),
    "googlenet_naive": ("googlenet", "GoogLeNet with naive modules: no 1×1 reductions (Fig. 2a)"),
    "inception_v2": ("inception_v2", "BN-Inception (Inception v2)"),
    "inception_v3": ("inception_v3", "Inception v3 with its auxiliary head"),
    "plain18": ("resnet", "Plain-18: ResNet-18 without shortcuts"),
    "plain34": ("resnet", "Plain-34: ResNet-34 without shortcuts"),
    "resnet18": ("resnet", "ResNet-18"),
    "resnet34": ("resnet", "ResNet-34"),
    "resnet50": ("resnet", "ResNet-50, stride in the first 1×1"),
    "resnet101": ("resnet", "ResNet-101, stride in the first 1×1"),
    "resnet152": ("resnet", "ResNet-152, stride in the first 1×1"),
    "resnet50_v1_5": ("resnet_v1_5", "ResNet-50 v1.5: stride in the 3×3, as in torchvision"),
    "resnet101_v1_5": ("resnet_v1_5", "ResNet-101 v1.5: stride in the 3×3, as in torchvision"),
    "resnet152_v1_5": ("resnet_v1_5", "ResNet-152 v1.5: stride in the 3×3, as in torchvision"),
    "plain20": ("resnet_cifar", "Plain-20 for CIFAR: ResNet-20 without shortcuts"),
    "plain32": ("resnet_cifar", "Plain-32 for CIFAR: ResNet-32 without shortcuts"),
    "plain44": ("resnet_cifar", "Plain-44 for CIFAR: ResNet-44 without shortcuts"),
    "plain56": ("resnet_cifar", "Plain-56 for CIFAR: ResNet-56 without shortcuts"),
    "plain110": ("resnet_cifar", "Plain-110 for CIFAR: ResNet-110 without shortcuts"),
    "resnet20": ("resnet_cifar", "ResNet-20 for CIFAR"),
    "resnet32": ("resnet_cifar", "ResNet-32 for CIFAR"),
    "resnet44": ("resnet_cifar", "ResNet-44 for CIFAR"),
    "resnet56": ("resnet_cifar", "ResNet-56 for CIFAR"),
    "resnet110": ("resnet_cifar", "ResNet-110 for CIFAR"),
    "resnet1202": ("resnet_cifar", "ResNet-1202 for CIFAR"),
    "preact_resnet110": ("preact_resnet_cifar", "Pre-activation ResNet-110 for CIFAR"),
    "preact_resnet164": ("preact_resnet_cifar", "Pre-activation ResNet-164 for CIFAR"),
    "preact_resnet1001": ("preact_resnet_cifar", "Pre-activation ResNet-1001 for CIFAR"),
    "preact_resnet200": ("preact_resnet", "Pre-activation ResNet-200"),
    "inception_v4": ("inception_v4", "Inception v4"),
    "inception_resnet_v1": ("inception_v4", "Inception-ResNet v1"),
    "inception_resnet_v2": ("inception_v4", "Inception-ResNet v2 as released"),
    "inception_resnet_v2_figures": (
        "inception_v4",
        "Inception-ResNet v2 as the paper's figures show it",
    ),
    "xception": ("xception", "Xception"),
    "xception_timm": ("xception", "Xception with other padding and epsilon, as in timm"),
    "se_inception": ("se_inception", "SE-BN-Inception"),
    "se_resnet50": ("se_resnet", "SE-ResNet-50, stride in the first 1×1"),
    "se_resnet50_v1_5": ("se_resnet", "SE-ResNet-50 v1.5: stride in the 3×3, as in timm"),
    "darknet53": ("darknet", "Darknet-53"),
    "darknet53_timm": ("darknet", "Darknet-53 with a slope of 0.01, as in timm"),
    "cbam_resnet50": ("cbam_resnet", "CBAM-ResNet-50 as released: stride in the 3×3"),
    "hrnet_w18": ("hrnet", "HRNet-W18-C"),
    "hrnet_w32": ("hrnet", "HRNet-W32-C"),
    "hrnet_w48": ("hrnet", "HRNet-W48-C"),
    "cspdarknet53": ("cspdarknet", "CSPDarknet-53, leaky ReLU"),
    "cspdarknet53_timm": ("cspdarknet", "CSPDarknet-53 with a slope of 0.01, as in timm"),
    "mnist_example": ("mnist_example", "The network of PyTorch's MNIST example"),
    "yolov4": ("yolov4", "YOLOv4: a detector, on CSPDarknet-53 with Mish"),
    "yolov4_tiny": ("yolov4", "YOLOv4-tiny, the authors' small detector"),
}


def count_parameters(network: nn.Module) -> int:
    """Count what training changes."""
    return sum(parameter.numel() for parameter in network.parameters())


def describe(name: str) -> dict[str, Any]:
    """Give the catalogue's entry of one network, freshly counted."""
    family, title = TITLES[name]
    key = name if name in PAPERS else family
    while key not in PAPERS:  # resnet_v1_5 follows resnet's paper
        key = key.rpartition("_")[0]
    paper, year = PAPERS[key]
    with weightless():
        network = create(name)
    return {
        "name": name,
        "family": family,
        "title": title,
        "paper": paper,
        "year": year,
        "input": list(network.input_size),
        "classes": inspect.signature(CONSTRUCTORS[name]).parameters["classes"].default,
        "parameters": count_parameters(network),
        "macs": count_macs(network, network.input_size),
        **({"task": "detection"} if name in DETECTORS else {}),
    }


def generate() -> str:
    """Give the whole catalogue as JSON, in the order of `CONSTRUCTORS`."""
    return (
        json.dumps([describe(name) for name in CONSTRUCTORS], indent=1, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(generate(), encoding="utf-8")
