"""A SLURM of one machine: commands that submit, tell of and cancel jobs.

A job is a file beside them, ``job-ID``, that holds the number of its process, or the state that it is in. Where the
machine is busy, jobs stay in the state ``PENDING`` until somebody writes another.
"""

import os
import sys

SBATCH = """
import os, re, subprocess, sys
here, script = os.path.dirname(sys.argv[0]), sys.argv[1]
text = open(script).read()
open(os.path.join(here, "submitted.sh"), "a").write(text)
if "nowhere" in text:
    sys.exit("sbatch: error: invalid partition specified: nowhere")
last = re.search(r"--array=0-([0-9]+)", text)
for task in range(int(last[1]) + 1) if last else [None]:
    array = {} if task is None else {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": str(task)}
    state, environment = "PENDING", {**os.environ, **array, "SLURM_JOB_ID": "77"}
    if "BUSY" not in os.environ:
        log = open(os.path.join(here, "log"), "a")
        job = subprocess.Popen(["bash", script], env=environment, stdout=log, stderr=log, start_new_session=True)
        state = str(job.pid)
    open(os.path.join(here, "job-77" if task is None else f"job-77_{task}"), "w").write(state)
print("Submitted batch job 77")
"""
SRUN = """
import os, sys
words = sys.argv[1:]
while words[0].startswith("--"):
    del words[: 2 if words[0] in ("--output", "--error") else 1]
os.execvp(words[0], words)
"""
SACCT = """
import glob, os, sys
print("JobID|State|NodeList")
for path in glob.glob(os.path.join(os.path.dirname(sys.argv[0]), "job-*")):
    state = open(path).read()
    if state.isdigit():
        state = "RUNNING" if os.path.exists(f"/proc/{state}") else "FAILED"
    print(path.rpartition("-")[2] + f"|{state}|here")
"""
SCANCEL = """
import os, signal, sys
path = os.path.join(os.path.dirname(sys.argv[0]), "job-" + sys.argv[1])
state = open(path).read()
try:
    if state.isdigit():
        os.killpg(int(state), signal.SIGTERM)
    else:
        open(path, "w").write("CANCELLED")
except ProcessLookupError:
    pass
"""


def install(folder):
    """Put the commands into a folder; what ``PATH`` is with them."""
    folder.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "sacct": SACCT, "scancel": SCANCEL}.items():
        path = folder / name
        path.write_text(f"#!{sys.executable} -S\n{text}")
        path.chmod(0o755)
    return os.pathsep.join([str(folder), os.environ["PATH"]])
