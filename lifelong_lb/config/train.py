"""How every run of a study trains and is evaluated."""

from typing import Literal

from lifelong_lb.config.fields import AtLeastOne, Settings


class Train(Settings):
    """Training settings shared by all runs of a stream.

    ``epochs`` passes over each experience, or over each chunk of an online stream, in minibatches of ``batch_size``
    images.
    """

    epochs: AtLeastOne = 1
    batch_size: AtLeastOne = 10


class Evaluation(Settings):
    """When and on what accuracy is measured: after each experience, on the test parts of experiences.

    ``experiences: seen`` fills the lower triangle of the accuracy matrix; ``all`` also the upper one, and the
    accuracies at initialisation, from which forward transfer is computed.
    """

    experiences: Literal["seen", "all"] = "seen"
    batch_size: AtLeastOne = 64
