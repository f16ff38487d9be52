"""Packages that named optimizers require, looked up without importing them."""

from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import Requirement

from lifelong_lb.config import OptimizerEntry


def unmet_requirement(entry: OptimizerEntry) -> str | None:
    """Reason why an optimizer cannot be built in this environment.

    Args:
        entry: entry of the study file.

    Returns:
        A sentence; None if it requires nothing or the requirement is met.
    """
    if entry.requires is None:
        return None
    requirement = Requirement(entry.requires)
    remedy = "pip install 'lifelong-lb[optimizers]'"
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{entry.name} needs {requirement}, which is not installed: {remedy}"
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{entry.name} needs {requirement}; got version {installed}: {remedy}"


def required_package(entry: OptimizerEntry) -> str | None:
    """Name of the package that an optimizer requires.

    Args:
        entry: entry of the study file.

    Returns:
        The name on the package index; None if it requires nothing.
    """
    return None if entry.requires is None else Requirement(entry.requires).name
