import pytest

from lifelong_lb.store import ResultFolder


@pytest.fixture(params=["plain", "with space & ünïcode [x] 'q'", "-dash", "..hidden"])
def folder(tmp_path, request):
    return ResultFolder(tmp_path / request.param)
