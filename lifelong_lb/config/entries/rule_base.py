"""Base of the entries of update rules: options common to all of them, and their cost."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, model_validator

from lifelong_lb.config.entries.fields import Entry, GradientsPerMinibatch, WholeNumber
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.hyperparameters import BatchNormUpdates, DropoutMasks


def _with_radius_that_follows(schema: dict[str, Any]) -> None:
    """Allow ``rho: {follows: lr, at: 0.05}`` in the JSON Schema of a rule with a radius."""
    rho = schema.get("properties", {}).get("rho")
    if rho is not None:
        number = {key: rho.pop(key) for key in list(rho) if key not in ("default", "description", "title")}
        follows = {"type": "object", "properties": {"follows": {"const": "lr"}, "at": number}, "required": ["follows"]}
        rho["anyOf"] = [number, {**follows, "additionalProperties": False}]


class RuleEntry(Entry):
    """An update rule: it turns gradients into steps of the base optimizer.

    :class:`lifelong_lb.optim.Passes` explains ``batch_norm`` and ``dropout``. Class attributes: ``spans``, see
    :meth:`spans_iterations`, and ``gradients_per_step``, the gradient evaluations per step if they are constant.
    """

    model_config = ConfigDict(json_schema_extra=_with_radius_that_follows)
    spans: ClassVar[bool] = False
    gradients_per_step: ClassVar[int] = 2
    batch_norm: BatchNormUpdates = "first"
    """Passes that update BatchNorm's running statistics; ``recomputed``: as ``first``, and again after experiences."""
    dropout: DropoutMasks = "same"
    """Whether the passes of a step share their dropout masks."""
    from_experience: WholeNumber = 0
    """First experience that uses the rule, counted from 0; earlier ones are trained as with ``none``."""
    passes: GradientsPerMinibatch | None = None
    """Gradient evaluations for each minibatch of ``train.epochs`` epochs, e.g. 3, for this rule alone: ``{name: none,
    passes: 3}`` trains plain SGD at the cost of a rule with three gradients per step. By default ``train`` alone sets
    the length of training."""

    rho_follows: Literal["lr"] | None = None
    """``lr``: the schedule of the learning rate also multiplies ``rho``, and ``rho_prime`` of ``gam``; the same as
    ``rho: {follows: lr}``."""

    @model_validator(mode="before")
    @classmethod
    def _radius_that_follows(cls, values: Any) -> Any:
        rho = values.get("rho") if isinstance(values, Mapping) else None
        if not isinstance(rho, Mapping):
            return values
        if unknown := [key for key in rho if key not in ("follows", "at")]:
            raise ValueError(unknown_name("key of rho", unknown[0], ("follows", "at")))
        rest = {key: value for key, value in values.items() if key != "rho"}
        return {**rest, **({"rho": rho["at"]} if "at" in rho else {}), "rho_follows": rho.get("follows")}

    @model_validator(mode="after")
    def _has_a_radius(self) -> Self:
        if self.rho_follows is not None and "rho" not in type(self).model_fields:
            raise ValueError(f"has no rho that could follow the learning rate; got rho_follows: {self.rho_follows}")
        return self

    def distinctions(self) -> dict[str, Any]:
        """Settings that can distinguish this entry from others with the same name.

        Returns:
            A mapping of plain values, without ``passes`` and ``rho_follows`` if they are null.
        """
        later = ("passes", "rho_follows")
        return {key: value for key, value in self.identity().items() if key not in later or value is not None}

    def spans_iterations(self) -> bool:
        """Whether the rule spans several minibatches, so that the end of an epoch interrupts it.

        Returns:
            ``spans``, unless it depends on the hyper-parameters.
        """
        return self.spans

    def keeps_weights(self) -> bool:
        """Whether the rule keeps fast and slow weights over several minibatches.

        Returns:
            The same as the attribute of :class:`lifelong_lb.optim.UpdateRule`.
        """
        return False

    def interpolates(self) -> bool:
        """Whether the rule itself moves the weights, besides the base optimizer.

        Returns:
            The same as the attribute of :class:`lifelong_lb.optim.UpdateRule`.
        """
        return False

    def gradients(self, step: int) -> tuple[int, int]:
        """Gradient evaluations on one minibatch, known without torch and before a run.

        Args:
            step: number of the minibatch in its epoch, 0 for the first.

        Returns:
            Minimum and maximum, equal unless they depend on the data.

        Example:
            >>> from lifelong_lb.config.entries.rules import CFlatPlus, LookSAM
            >>> LookSAM(k=2).gradients(0), LookSAM(k=2).gradients(1), CFlatPlus().gradients(0)
            ((2, 2), (1, 1), (1, 4))
        """
        return self.gradients_per_step, self.gradients_per_step

    def most_gradients(self) -> float:
        """Maximum number of gradient evaluations per minibatch, averaged over steps.

        Returns:
            The maximum of ``gradients(0)``, unless steps differ.
        """
        return self.gradients(0)[1]

    def pass_options(self) -> dict[str, Any]:
        """Options common to all rules.

        Returns:
            Keyword arguments of :class:`lifelong_lb.optim.Passes`.
        """
        return {"batch_norm": self.batch_norm, "dropout": self.dropout}

    def hyper_parameters(self) -> dict[str, Any]:
        """Hyper-parameters specific to this rule.

        Returns:
            Keyword arguments of the rule's class.
        """
        return self.model_dump(
            exclude={"name", "label", "batch_norm", "dropout", "from_experience", "passes", "rho_follows"}
        )
