"""Rules, models, strategies, streams and metrics of your own, named in a study like ours: see docs/extending.md.

from lifelong_lb import extend


@extend.rule("half-sam", gradients=2)
class HalfSAM(UpdateRule): ...
"""

from lifelong_lb.config.extending import model, rule, strategy, stream
from lifelong_lb.evaluation.extending import metric

__all__ = ["metric", "model", "rule", "strategy", "stream"]
