"""Synthetic images for streams with a chosen similarity between experiences."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.data.arrays import Arrays, Checked, Source, require_memory
from lifelong_lb.seeding import GENERATED, generator

GREY = 128
SPREAD = 16
"""Mean of the pixels, and standard deviation of a prototype, in units of 0..255."""


@dataclass(frozen=True)
class GeneratedSource(Source):
    r"""Noisy copies of class prototypes that are correlated between experiences.

    With :math:`a_k` and :math:`b_{t,k}` independent standard normal vectors of :math:`d` pixels, class k of
    experience t has the prototype

    .. math:: \mu_{t,k} = \sqrt{s}\, a_k + \sqrt{1 - s}\, b_{t,k},

    so that prototypes of the same k in two experiences have the correlation s in expectation: 0 makes experiences
    unrelated, 1 makes them the same. An image is :math:`128 + 16\,(\mu_{t,k} + \sigma \epsilon)`, with
    :math:`\epsilon` standard normal and :math:`\sigma` the noise, rounded and clipped to 0..255. Label k of
    experience t is :math:`t\, c + k`.

    Attributes:
        experiences: T.
        classes: c, number of classes per experience.
        similarity: s, in [0, 1].
        noise: sigma, >= 0.
        image_size: height and width; d is its square.
        train_images: number per class.
        test_images: number per class.
        data_seed: draws prototypes and images; adding experiences or images leaves the existing ones unchanged.
    """

    experiences: int
    classes: int
    similarity: float
    noise: float
    image_size: int
    train_images: int
    test_images: int
    data_seed: int

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """All settings."""
        return f"generated from {', '.join(f'{key}={value}' for key, value in self.settings().items())}"

    def labels(self) -> list[int]:
        """Return all labels.

        Returns:
            0 to T c - 1.
        """
        return list(range(self.experiences * self.classes))

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the labels of both parts, without generating the images.

        Returns:
            Labels of the train part and of the test part.
        """
        labels = np.arange(self.experiences * self.classes)
        return np.repeat(labels, self.train_images), np.repeat(labels, self.test_images)

    def check(self) -> Checked:
        """Check that the images fit into memory.

        Returns:
            All labels.

        Raises:
            UserError: if the memory is too small.
        """
        number = self.experiences * self.classes * max(self.train_images, self.test_images)
        with require_memory(number * self.image_size**2, f"{number:,} generated images"):
            return Checked(*self.part_labels())

    def read(self) -> tuple[Arrays, Arrays]:
        """Generate the images.

        Returns:
            Train and test part, images uint8 ``(N, 1, H, W)``.
        """
        prototypes = self.prototypes()
        names = tuple(f"{t}.{k}" for t in range(self.experiences) for k in range(self.classes))
        train, test = (
            self._part(prototypes, part, count, names)
            for part, count in enumerate((self.train_images, self.test_images))
        )
        return train, test

    def prototypes(self) -> NDArray[np.float64]:
        """Compute the prototypes.

        Returns:
            ``(T, c, d)``.
        """
        shape = (self.classes, self.image_size**2)
        shared = self._normal(0, 0).standard_normal(shape)
        specific = np.stack([self._normal(1, t).standard_normal(shape) for t in range(self.experiences)])
        prototypes: NDArray[np.float64] = np.sqrt(self.similarity) * shared + np.sqrt(1 - self.similarity) * specific
        return prototypes

    def _part(self, prototypes: NDArray[np.float64], part: int, count: int, names: tuple[str, ...]) -> Arrays:
        pixels = prototypes.shape[2]
        x = np.empty((len(names), count, pixels), dtype=np.uint8)
        for label, prototype in enumerate(prototypes.reshape(-1, pixels)):
            noise = self._normal(2 + part, label // self.classes, label % self.classes).standard_normal((count, pixels))
            values = GREY + SPREAD * (prototype + self.noise * noise)
            x[label] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        y = np.repeat(np.arange(len(names)), count)
        return Arrays(x.reshape(-1, 1, self.image_size, self.image_size), y, names)

    def _normal(self, *key: int) -> np.random.Generator:
        return generator(self.data_seed, GENERATED, *key)
