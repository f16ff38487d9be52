"""Execute one run and record its accuracy matrix."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lifelong_lb.config import RunConfig, located
from lifelong_lb.config.entries.models import Timm
from lifelong_lb.data import find_images, load_images
from lifelong_lb.data.weights import with_found_weights
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.models.weights import digest_of_file
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import ConfusionCounts
from lifelong_lb.streams import Stream, build_stream, training_chunks
from lifelong_lb.studies.run.assemble import Assembled, Log, assemble
from lifelong_lb.studies.run.checkpoints import Checkpoints
from lifelong_lb.studies.run.features import feature_stream, obstacle
from lifelong_lb.studies.run.landscape import packed
from lifelong_lb.studies.run.state import RunState

Keep = Callable[[int, bytes], None]
"""Stores the weights of the model after an experience: takes its index and the weights."""


def execute(
    config: RunConfig,
    progress: RunState,
    *,
    roots: Sequence[Path],
    device: str,
    log: Log,
    keep: Keep | None = None,
    measured: Callable[[], None] = lambda: None,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Train on the whole stream, evaluating after each experience.

    Args:
        config: what to run.
        progress: filled during the run.
        roots: folders of the data sets, see :func:`lifelong_lb.data.data_roots`.
        device: kind of the current device, e.g. ``"cpu"``.
        log: receives a line per experience.
        keep: receives the model after each experience, if the study saves models.
        measured: called after each experience, with its accuracies in ``progress``.
        checkpoints: saves the run after experiences, and restores an interrupted one.

    Raises:
        DivergedError: if loss or weights are not finite.
        UserError: if the images or weights cannot be read, or an environment variable has an unknown value.
    """
    config = found_config(config, roots)
    stream = load_stream(config, progress, roots, device=device, log=log)
    last = len(stream.train) - 1
    first = last if config.strategy.trained_once else 0
    loaded = None if checkpoints is None else checkpoints.load(stream, progress)
    if loaded is None:
        run = assemble(config, stream, progress, device=device, log=log)
        if config.evaluation.experiences == "all" and not config.strategy.trained_once:
            initial = run.recorder.evaluate(run.strategy, stream.test, unseen=True)
            progress.accuracy = progress.accuracy.with_initial(initial)
    else:
        run, first = loaded[0], loaded[1] + 1
    if checkpoints is not None and (last == 0 or config.strategy.trained_once):
        checkpoints.never("checkpoints are saved between experiences, and this run has only one training phase")
    for i in range(first, last + 1):
        _learn(i, config, stream, run, progress)
        _measure(i, config, stream, run, progress, log)
        measured()
        if config.evaluation.save_models and keep is not None:
            keep(i, packed(run.strategy.model))
        if run.meter is not None:
            run.meter.after(i, run.strategy.model)
        if checkpoints is not None and i < last:
            checkpoints.after(i, run, progress, stream)


def _learn(i: int, config: RunConfig, stream: Stream, run: Assembled, progress: RunState) -> None:
    """Train on one experience, or jointly on all of them."""
    seed_all(config.seed, INITIALISATION, i + 1)  # for outputs added by a growing head
    arrives = (
        stream.train if config.strategy.trained_once else training_chunks(stream.train, i, config.stream, config.seed)
    )
    if run.during is not None:
        run.during.begin(i, stream.test[: i + 1])
        progress.continual = run.during.rows
    if config.train.later_epochs is not None:
        run.strategy.train_epochs = config.train.epochs_of(0 if config.strategy.trained_once else i)
    try:
        run.strategy.train(arrives, eval_streams=[])
    finally:
        run.account(progress)


def _measure(i: int, config: RunConfig, stream: Stream, run: Assembled, progress: RunState, log: Log) -> None:
    """Fill row i of the accuracy matrix."""
    started = time.perf_counter()
    everything = config.evaluation.experiences == "all"
    tested = stream.test if everything else stream.test[: i + 1]
    if config.evaluation.confusion:
        counts = ConfusionCounts()
        row = run.recorder.evaluate(run.strategy, tested, unseen=everything, on_batch=counts)
        progress.confusion += [(i, *count) for count in counts.rows(stream)]
    else:
        row = run.recorder.evaluate(run.strategy, tested, unseen=everything)
    progress.accuracy = progress.accuracy.with_row(i, row)
    if run.during is not None:
        run.during.end(row[: i + 1])
    log(
        f"experience {i}: accuracy {row[i]:.4f} on it, {sum(row[: i + 1]) / (i + 1):.4f} on all seen "
        f"({run.stopwatch.seconds:.1f} s of training, {time.perf_counter() - started:.1f} s of evaluation)"
    )


def found_config(config: RunConfig, roots: Sequence[Path]) -> RunConfig:
    """Find the weights that a run names.

    Args:
        config: what to run.
        roots: folders of the data sets.

    Returns:
        The configuration with the absolute path of the file; the same one if the model names none.

    Raises:
        UserError: if there is no such file.
    """
    model = with_found_weights(config.model, roots)
    return config if model is config.model else config.model_copy(update={"model": model})


def load_stream(
    config: RunConfig, progress: RunState, roots: Sequence[Path], *, device: str = "cpu", log: Log = lambda line: None
) -> Stream:
    """Load the images of a run and build its stream, of features if the backbone is not trained.

    Args:
        config: what to run, with found weights.
        progress: receives a description of the images.
        roots: folders of the data sets.
        device: where features are computed.
        log: receives lines about features.

    Returns:
        The stream.

    Raises:
        UserError: if the images or weights cannot be read, or do not fit the stream's settings.
    """
    limit = config.evaluation.test_images_per_class
    with located(config.stream):
        images = load_images(find_images(config.stream, roots), test_images_per_class=limit)
    recorded: dict[str, str | list[str]] = {}
    if isinstance(config.model, Timm) and config.model.weights is not None:
        recorded["weights_sha256"] = digest_of_file(Path(config.model.weights))
    reason = obstacle(config)
    if reason is None:
        on_features = feature_stream(config, images, device, log)
        stream, progress.frozen_backbone = on_features.stream, on_features.parameters
        recorded["features"] = on_features.keys[0] if len(on_features.keys) == 1 else list(on_features.keys)
    else:
        if config.model.tune == "head":
            log(f"features are not stored, because {reason}")
        stream = build_stream(config.stream, images, config.seed)
    progress.accuracy = AccuracyMatrix.unmeasured(len(stream.train))
    progress.data = {
        "source": images.source,
        "sha256": images.sha256,
        "train_images": len(images.train.y),
        "test_images": len(images.test.y),
        "evaluation_images": [len(experience.dataset) for experience in stream.test],
        "class_order": list(stream.class_order),
        "class_names": list(stream.class_names),
        "label_map": {str(label): list(place) for label, place in stream.label_map.items()},
        "arrangement": stream.arrangement,
        "permutations": stream.permutations,
        "angles": list(stream.angles),
        **recorded,
    }
    return stream
