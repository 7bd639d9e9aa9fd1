"""Where the networks of the presets come from: papers and other sources, as text."""

LENET_PAPER = (
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition, "
    "Proceedings of the IEEE 86 (11), 1998"
)
ALEXNET_PAPER = (
    "A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012"
)
VGG_PAPER = (
    "K. Simonyan, A. Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014, "
    "arXiv:1409.1556"
)
GOOGLENET_PAPER = "C. Szegedy et al.: Going Deeper with Convolutions, 2014, arXiv:1409.4842"
FAST_SOURCES = (
    "K. Jordan: 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024, arXiv:2404.00498; L. N. Smith, N. Topin: "
    "Super-Convergence, 2018, arXiv:1708.07120"
)
RESIDUAL_PAPER = "K. He et al.: Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385"
EFFICIENTNET_SOURCES = (
    "M. Tan, Q. V. Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019, "
    "arXiv:1905.11946; EfficientNet-Lite0 of 2020: without squeeze and excitation, with ReLU6"
)
