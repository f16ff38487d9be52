"""Claims: at most one launcher claims a run, and claims of dead launchers are taken over."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lifelong_lb.store import Claims, ResultFolder, read_claims, remove_leftovers
from lifelong_lb.store import claims as claims_module
from lifelong_lb.store.claims import STALE_SECONDS
from lifelong_lb.store.owner import Owner

HERE = Owner.here()
ELSEWHERE = replace(HERE, host="elsewhere")
GONE = {"another process": replace(HERE, started=HERE.started - 1), "no process": replace(HERE, pid=2**22 + 1)}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def names(path):
    return sorted(p.name for p in path.iterdir())


def test_one_of_two(tmp_path):
    first, second = Claims(tmp_path), Claims(tmp_path)
    assert first.take("abc")
    assert not second.take("abc")
    assert not first.take("abc")
    assert second.take("ab")
    assert (first.holds("abc"), second.holds("abc")) == (True, False)
    assert not first.is_claimed_elsewhere("abc")
    assert second.is_claimed_elsewhere("abc")
    assert not second.is_claimed_elsewhere("x")
    assert names(tmp_path) == [".ab.claim-1", ".abc.claim-1"]
    first.release("abc")
    assert second.take("abc")


def test_leaving_gives_up_everything(tmp_path):
    with Claims(tmp_path) as claims:
        assert claims.take("abc")
        assert claims.take("def")
        claims.release("abc")
    assert names(tmp_path) == []


def test_claims_name_their_owner(tmp_path):
    Claims(tmp_path).take("abc")
    (claim,) = read_claims(tmp_path)["abc"]
    assert (claim.run, claim.number, claim.owner) == ("abc", 1, HERE)
    assert read_claims(tmp_path / "none") == {}


@pytest.mark.parametrize("gone", GONE)
def test_a_claim_of_a_dead_process_is_taken_over(tmp_path, gone):
    dead, heir, other = Claims(tmp_path, GONE[gone]), Claims(tmp_path), Claims(tmp_path)
    assert dead.take("abc")
    assert not heir.is_claimed_elsewhere("abc")
    assert heir.take("abc")
    assert not other.take("abc")
    assert names(tmp_path) == [".abc.claim-2"]
    assert not dead.holds("abc")
    dead.release("abc")  # it was suspended, not dead: releasing must leave the new claim alone
    assert heir.holds("abc")


def test_claims_of_dead_processes_are_removed(tmp_path):
    dead, remote, claims = Claims(tmp_path, GONE["no process"]), Claims(tmp_path, ELSEWHERE), Claims(tmp_path)
    assert dead.take("abc")
    assert remote.take("def")
    claims.remove_abandoned()
    assert names(tmp_path) == [".def.claim-1"]


@pytest.mark.parametrize("half_written", [False, True])
def test_another_machine_is_dead_after_long_silence(tmp_path, half_written):
    clock = Clock()
    remote, observer = Claims(tmp_path, ELSEWHERE), Claims(tmp_path, clock=clock)
    assert remote.take("abc")
    if half_written:
        (tmp_path / ".abc.claim-1").write_text('{"host": "el')
    assert not observer.take("abc")
    clock.now += STALE_SECONDS - 1
    assert not observer.take("abc")
    os.utime(tmp_path / ".abc.claim-1", ns=(1, 1))  # a renewal, by any clock
    clock.now += 2
    assert not observer.take("abc")
    clock.now += STALE_SECONDS - 1
    assert not observer.take("abc")
    clock.now += 1
    assert observer.take("abc")
    assert names(tmp_path) == [".abc.claim-2"]


def test_claims_are_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr("lifelong_lb.store.claims.RENEW_SECONDS", 0.01)
    with Claims(tmp_path) as claims:
        claims.take("abc")
        claims.take("def")
        os.utime(tmp_path / ".abc.claim-1", ns=(1, 1))
        (tmp_path / ".def.claim-1").unlink()
        while (tmp_path / ".abc.claim-1").stat().st_mtime_ns == 1:
            pass
        assert (claims.holds("abc"), claims.holds("def")) == (True, False)


def test_a_launcher_with_an_outdated_listing_gets_no_claim(tmp_path, monkeypatch):
    """A launcher has listed claim 1 of a dead process; before it creates claim 2, others claim and release the run."""
    dead, heir, third = Claims(tmp_path, GONE["no process"]), Claims(tmp_path), Claims(tmp_path)
    late = Claims(tmp_path)
    assert dead.take("abc")
    open_file, created = Path.open, []

    def meanwhile(path, mode="r", **options):
        if mode == "x" and not created:
            created.append(path)
            assert heir.take("abc")
            heir.release("abc")
            assert third.take("abc")
        return open_file(path, mode, **options)

    monkeypatch.setattr(Path, "open", meanwhile)
    assert not late.take("abc")
    assert created
    assert third.holds("abc")
    assert names(tmp_path) == [".abc.claim-1"]


@pytest.mark.parametrize("left", [False, True])
def test_a_race_has_one_winner(tmp_path, left):
    for run in map(str, range(30)):
        if left:
            Claims(tmp_path, GONE["no process"]).take(run)
        with ThreadPoolExecutor(4) as pool:
            racers = [Claims(tmp_path) for _ in range(4)]
            won = list(pool.map(lambda claims, run=run: claims.take(run), racers))
        assert sum(won) <= 1
        if not any(won):  # all have withdrawn for each other
            assert racers[0].take(run)


def test_a_full_disk_leaves_no_claim(tmp_path, monkeypatch):
    claims = Claims(tmp_path)
    monkeypatch.setattr("json.dump", lambda *_: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        claims.take("abc")
    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.parametrize(("function", "during"), [("_create", "take"), ("_read", "release")])
def test_an_interrupted_launcher_leaves_no_claim(function, during, tmp_path, monkeypatch):
    """Ctrl-C after the file of a claim was created, or before it is removed."""

    def then_interrupted(call):
        def called(*arguments):
            result = call(*arguments)
            monkeypatch.undo()  # once
            os.kill(os.getpid(), signal.SIGINT)
            return result

        return called

    place = Claims if function == "_create" else claims_module
    claims = Claims(tmp_path)
    if during == "release":
        claims.take("a")
    monkeypatch.setattr(place, function, then_interrupted(getattr(place, function)))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), claims:
            getattr(claims, during)("a")
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_of_the_same_name_is_another(tmp_path):
    """They differ in the boot id."""
    other, clock = replace(HERE, boot="another", pid=2**22 + 1), Clock()
    assert HERE.boot or not Path("/proc/sys/kernel/random/boot_id").exists()
    assert not other.is_observable()
    assert Claims(tmp_path, other).take("abc")
    claims = Claims(tmp_path, HERE, clock)
    assert not claims.take("abc")
    clock.now += STALE_SECONDS
    assert claims.take("abc")


def test_claims_without_boot_id_are_read(tmp_path):
    earlier = replace(HERE, boot="", pid=2**22 + 1)
    claim = tmp_path / ".abc.claim-1"
    claim.write_text(json.dumps({"since": 1.0, "began": 0, "retry": [], **earlier.to_json()}))
    raw = json.loads(claim.read_text())
    del raw["boot"]
    claim.write_text(json.dumps(raw))
    assert read_claims(tmp_path)["abc"][0].owner == earlier
    assert Claims(tmp_path).take("abc")


def test_scratch_folders_from_before_a_restart_are_removed_with_the_claim(tmp_path):
    folder, before = ResultFolder(tmp_path), replace(HERE, boot="before")
    scratches = [folder.runs_path / f".{run}.xyz" for run in ("abc", "def")]
    for scratch in scratches:
        scratch.mkdir(parents=True)
        (scratch / "owner.json").write_text(json.dumps(before.to_json()))
    claims = Claims(folder.runs_path)
    remove_leftovers(folder.runs_path, claims)
    assert all(scratch.exists() for scratch in scratches)
    assert claims.take("abc")
    remove_leftovers(folder.runs_path, claims)
    assert [scratch.exists() for scratch in scratches] == [False, True]
