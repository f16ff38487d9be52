"""Executors: in this process, in local processes, on SLURM or on Ray."""
