"""Several launchers in one folder at the same time: each run is executed once, with the results of one launcher."""

import json
from collections import Counter

from common import STUDY, arguments, finish, launch, leftovers, print_summary_and_exit, runs_of, same_accuracies


def main() -> None:
    """Start two launchers, then four."""
    options = arguments(__doc__)
    clean, wrong = options.out / "clean", []
    finish(STUDY, clean, "--workers", "1")
    for number in (2, 4):
        out = options.out / f"by-{number}"
        launchers = [launch(STUDY, out, "--workers", "1", "--json") for _ in range(number)]
        printed = [launcher.communicate()[0] for launcher in launchers]
        codes = [launcher.returncode for launcher in launchers]
        events = [[json.loads(line) for line in text.splitlines()] for text in printed]
        started = Counter(event["run"] for log in events for event in log if event["event"] == "run started")
        shares = [sum(event["event"] == "run started" for event in log) for log in events]
        print(
            f"{number} launchers: {len(runs_of(out))} runs, started {sum(started.values())} times, shared as {shares}"
        )
        twice = [run for run, times in started.items() if times > 1]
        wrong += [f"{out}: {run} was started {started[run]} times" for run in twice]
        wrong += [f"{out}: exit codes {codes}"] if any(codes) else []
        wrong += [] if same_accuracies(out, clean) else [f"{out}: different accuracies"]
        wrong += [f"{out}: left behind {', '.join(leftovers(out))}"] if leftovers(out) else []
    print_summary_and_exit(wrong)


if __name__ == "__main__":
    main()
