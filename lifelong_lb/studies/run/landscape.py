"""Loss landscape of a run, measured during the run or later at its stored models."""

import copy
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lifelong_lb.config import Landscape, RunConfig, UserError
from lifelong_lb.data import find_images, load_images
from lifelong_lb.landscape import LandscapeInputs, can_interpolate, fixed_images, measure, measure_line
from lifelong_lb.models import Classifier, TaskAwareClassifier, build_model
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.store import (
    DamagedRunError,
    ResultFolder,
    landscape_settings,
    model_path,
    read_landscape,
    stored_models,
    write_landscape,
)
from lifelong_lb.streams import Stream, build_stream
from lifelong_lb.untrusted import read_bytes, reason_text

MAX_MODEL_BYTES = 8 * 2**30
"""Size limit of a stored model."""

Row = tuple[int, int, str, float, float, float]
"""Values of :data:`lifelong_lb.store.LANDSCAPE_COLUMNS`."""


class LandscapeMeter:
    """Measure the landscape of a run after each experience, on a copy of the model.

    Args:
        settings: what to measure.
        stream: the run's stream.
        seed: the run's seed.
        device: where to measure.
        log: receives a line per experience.

    Attributes:
        rows: the measurements so far.
    """

    def __init__(self, settings: Landscape, stream: Stream, seed: int, device: str, log: Callable[[str], None]) -> None:
        self.rows: list[Row] = []
        self._settings, self._stream, self._seed, self._device, self._log = settings, stream, seed, device, log
        self._before: tuple[int, dict[str, Tensor]] | None = None

    def after(self, experience: int, model: nn.Module) -> None:
        """Measure at the weights of a model.

        Args:
            experience: index of the last experience trained on.
            model: the model; it is not modified.
        """
        started = time.perf_counter()
        measured_model = copy.deepcopy(model).to(self._device)
        assert isinstance(measured_model, Classifier | TaskAwareClassifier), type(model)
        measured_model.precision = "float32"  # differences of losses are too small for bfloat16
        seen = range(experience + 1) if self._settings.experiences == "seen" else [experience]
        for j in seen:
            self._add(experience, j, measure(self._inputs(measured_model, j)))
        if "interpolation" in self._settings.measures:
            self._measure_line_from_previous(experience, measured_model)
        self._log(f"experience {experience}: landscape measured in {time.perf_counter() - started:.1f} s")

    def _measure_line_from_previous(self, experience: int, model: nn.Module) -> None:
        before, self._before = self._before, (experience, model.state_dict())
        if before is None:
            return
        earlier, weights = before
        if not can_interpolate(weights, model):
            self._log(f"experience {experience}: no interpolation from the last weights, because the head has grown")
            return
        for j in (earlier, experience):
            self._add(experience, j, measure_line(self._inputs(model, j), weights))

    def _inputs(self, model: nn.Module, j: int) -> LandscapeInputs:
        s = self._settings
        train, test = (
            fixed_images(part[j], s.images, self._seed, model, self._device)
            for part in (self._stream.train, self._stream.test)
        )
        return LandscapeInputs(model, train, test, s, self._seed)

    def _add(self, trained: int, measured: int, rows: Sequence[tuple[str, float, float, float]]) -> None:
        self.rows += [(trained, measured, *numbers) for numbers in rows]


def packed(model: nn.Module) -> bytes:
    """Serialize a model's weights.

    Args:
        model: the model.

    Returns:
        Its ``state_dict`` on the CPU, loadable with ``weights_only=True``.
    """
    buffer = io.BytesIO()
    torch.save({name: tensor.cpu() for name, tensor in model.state_dict().items()}, buffer)
    return buffer.getvalue()


def measure_stored(
    folder: ResultFolder,
    configs: Mapping[str, RunConfig],
    settings: Landscape,
    roots: Sequence[Path],
    device: str,
    log: Callable[[str], None],
) -> list[str]:
    """Measure the landscape of runs with stored models, skipping those measured with the same settings before.

    Args:
        folder: the result folder.
        configs: run id to configuration.
        settings: what to measure.
        roots: folders of the data sets.
        device: kind of the current device, e.g. ``"cpu"``.
        log: receives a line per run and experience.

    Returns:
        An error message for each run whose models or images cannot be read, or whose images differ from those used.
    """
    expected, left_out = settings.model_dump(mode="json"), []
    for number, (run, config) in enumerate(configs.items(), start=1):
        try:
            if _measured_with(folder.run_path(run)) == expected:
                continue
            log(f"[{number}/{len(configs)}] run {run}")
            _measure_run(folder, config, settings, roots, device, log)
        except (UserError, DamagedRunError) as error:
            log(f"run {run}: skipped, {error}")
            left_out.append(str(error))
    return left_out


def _measured_with(run: Path) -> dict[str, Any] | None:
    """Settings of the measurements that a run has; None where they are missing or damaged, and are made again."""
    try:
        return None if read_landscape(run) is None else landscape_settings(run)
    except UserError:
        return None


def _measure_run(
    folder: ResultFolder,
    config: RunConfig,
    settings: Landscape,
    roots: Sequence[Path],
    device: str,
    log: Callable[[str], None],
) -> None:
    path, record = folder.run_path(config.run_id), folder.read_run(config.run_id)
    stream = _stream_of(config, roots, record.data)
    meter = LandscapeMeter(settings, stream, config.seed, device, log)
    with _run_conditions():
        for i in (i for i in stored_models(path) if i < record.experiences):
            meter.after(i, _load(model_path(path, i), config, stream, i))
    write_landscape(path, meter.rows, settings.model_dump(mode="json"))


@contextmanager
def _run_conditions() -> Iterator[None]:
    """Use one thread, and restore the random generator afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)


def _stream_of(config: RunConfig, roots: Sequence[Path], data: Mapping[str, Any]) -> Stream:
    limit = config.evaluation.test_images_per_class
    images = load_images(find_images(config.stream, roots), test_images_per_class=limit)
    if data.get("sha256") != images.sha256:
        raise UserError(
            f"run {config.run_id}: was trained on images with the hash {data.get('sha256')}; "
            f"those found ({images.source}) have {images.sha256}"
        )
    if "features" in data:
        raise UserError(
            f"run {config.run_id}: was trained on the features of a frozen backbone, whose weights are not loaded from "
            "what a result folder names; set evaluation.landscape in the study instead"
        )
    return build_stream(config.stream, images, config.seed)


def _load(path: Path, config: RunConfig, stream: Stream, experience: int) -> nn.Module:
    """Load a stored model, with a growing head of the size that it had."""
    from avalanche.models.dynamic_modules import avalanche_model_adaptation

    try:
        seed_all(config.seed, INITIALISATION)
        model = build_model(config.model, stream.shape, load_pretrained=False)  # the stored weights replace them
        for earlier in stream.train[: experience + 1]:
            avalanche_model_adaptation(model, earlier)
        content = io.BytesIO(read_bytes(path, MAX_MODEL_BYTES))
        model.load_state_dict(torch.load(content, map_location="cpu", weights_only=True))
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  damaged files, and models that are too large, raise errors of many kinds
        raise UserError(f"{path}: cannot be read ({reason_text(error, 200)})") from None
    return model
