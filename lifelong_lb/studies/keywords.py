"""Functions whose options can be given as one value or as keywords."""

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from lifelong_lb.config import Study
from lifelong_lb.reports import Results
from lifelong_lb.studies.options import RunOptions

StudyLike = Study | Mapping[str, Any] | str | os.PathLike[str]
"""A study, its plain values, or the path of a study file."""
Fields = ParamSpec("Fields")
Options = TypeVar("Options", bound=RunOptions)
_Options = TypeVar("_Options", bound=RunOptions, contravariant=True)


class TakesOptions(Protocol[Fields, _Options]):
    """A function of a study and a folder that takes options as one value, or their fields as keywords."""

    @overload
    def __call__(
        self, config: StudyLike, out: str | os.PathLike[str], *args: Fields.args, **fields: Fields.kwargs
    ) -> Results: ...
    @overload
    def __call__(self, config: StudyLike, out: str | os.PathLike[str], *, options: _Options) -> Results: ...


def with_keywords(
    make: Callable[Fields, Options],
) -> Callable[[Callable[[StudyLike, str | os.PathLike[str], Options], Results]], TakesOptions[Fields, Options]]:
    """Decorate a function of a study, a folder and options, so that it also takes the options' fields as keywords.

    Args:
        make: the class of the options, whose signature the keywords have.

    Returns:
        The decorator.
    """

    def decorate(
        function: Callable[[StudyLike, str | os.PathLike[str], Options], Results],
    ) -> TakesOptions[Fields, Options]:
        @wraps(function)
        def call(
            config: StudyLike, out: str | os.PathLike[str], *, options: Options | None = None, **fields: Any
        ) -> Results:
            given = cast(Callable[..., Options], make)() if options is None else options
            return function(config, out, replace(given, **fields))

        first = inspect.signature(call, follow_wrapped=False).parameters.values()
        positional = [one for one in first if one.kind is not inspect.Parameter.VAR_KEYWORD]
        signature = inspect.Signature([*positional, *inspect.signature(make).parameters.values()])
        vars(call)["__signature__"] = signature.replace(return_annotation=Results)
        return cast(TakesOptions[Fields, Options], call)

    return decorate
