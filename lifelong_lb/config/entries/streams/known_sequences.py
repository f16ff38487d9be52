"""Data sets that come as a sequence of experiences."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Int, Within
from lifelong_lb.config.entries.streams.several_sources import FolderNames, SeveralSources
from lifelong_lb.hyperparameters import Range

CORE50_BATCHES = {"NI": 8, "NC": 9, "NIC": 79, "NICv2-79": 79, "NICv2-196": 196, "NICv2-391": 391}
"""Number of training batches by protocol."""


class Core50(SeveralSources):
    """CORe50 (Lomonaco & Maltoni 2017, arXiv 1705.03550), 50 objects in 11 sessions, with the authors' batches.

    New instances (NI): all objects in each of 8 batches, domain-incremental. New classes (NC): 10 objects, then 5 in
    each of 8 batches. New instances and classes (NIC, and NICv2 of Lomonaco et al. 2019, arXiv 1907.03799): classes
    recur; with NI and NIC, every experience is tested on the same, whole test part. ``image_size: null`` keeps the size
    of the pictures, 128 or 32 pixels.
    """

    dataset = "core50"
    name: Literal["core50"] = "core50"
    protocol: Literal["NI", "NC", "NIC", "NICv2-79", "NICv2-196", "NICv2-391"] = "NC"
    """``NI``, new instances, ``NC``, new classes, or ``NIC``, both, and its second version with 79, 196 or 391
    batches."""
    run: Annotated[Int, Within(Range(0, 9, whole=True))] = 0
    """One of the authors' ten orders of the batches, 0 to 9."""
    experiences: AtLeastOne = 9
    """Number of batches: 9 for NC, 8 for NI, 79 for NIC, that of its name for NICv2."""
    scenario: Literal["task-incremental", "class-incremental", "domain-incremental"] = "class-incremental"

    @property
    def shared_test(self) -> bool:
        """Whether all experiences have the same test part."""
        return self.protocol != "NC"

    @property
    def recurring(self) -> bool:
        """Whether classes of earlier experiences occur again beside new ones."""
        return self.protocol.startswith("NIC")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_protocol(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("protocol") not in CORE50_BATCHES:
            return values
        protocol = values["protocol"]
        scenario = "domain-incremental" if protocol == "NI" else "class-incremental"
        return {"experiences": CORE50_BATCHES[protocol], "scenario": scenario, **values}

    @model_validator(mode="after")
    def _fits_the_protocol(self) -> "Core50":
        batches = CORE50_BATCHES[self.protocol]
        if self.experiences != batches:
            raise ValueError(
                f"experiences must be {batches} for protocol {self.protocol} (use first for fewer); "
                f"got {self.experiences}"
            )
        wanted = {"NI": ["domain-incremental"], "NC": ["class-incremental", "task-incremental"]}
        allowed = wanted.get(self.protocol, ["class-incremental"])
        if self.scenario not in allowed:
            raise ValueError(
                f"scenario must be {' or '.join(allowed)} for protocol {self.protocol}; got {self.scenario}"
            )
        return self


class Clear10(SeveralSources):
    """CLEAR-10 (Lin et al. 2021, arXiv 2201.06289): 11 classes of photographs in 10 periods from 2004 to 2014.

    Domain-incremental: each period has the same classes and a test part of its own.
    """

    dataset = "clear10"
    name: Literal["clear10"] = "clear10"
    experiences: Literal[10] = 10
    scenario: Literal["domain-incremental"] = "domain-incremental"
    image_size: AtLeastOne = 64


class Omniglot(SeveralSources):
    """Omniglot (Lake et al. 2015): the 30 alphabets of the background set, 964 characters by 20 drawers each.

    Drawers 1 to 15 train, 16 to 20 test.
    """

    dataset = "omniglot"
    name: Literal["omniglot"] = "omniglot"
    experiences: FolderNames = 30
    """Number of alphabets, in the order of their names, or the list of their names."""
    scenario: Literal["task-incremental", "class-incremental"] = "task-incremental"
    image_size: AtLeastOne = 28
