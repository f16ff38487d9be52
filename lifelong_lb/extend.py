"""Decorators that register custom rules, models, strategies, streams and metrics.

A study refers to them by name, like built-in ones; see docs/how-to/extending.md.

from lifelong_lb import extend


@extend.rule("half-sam", gradients=2)
class HalfSAM(UpdateRule): ...
"""

from lifelong_lb.config.plugins.register import model, rule, strategy, stream
from lifelong_lb.evaluation.extending import metric

__all__ = ["metric", "model", "rule", "strategy", "stream"]
