"""Where runs are executed: in this process, in local processes, on SLURM or Ray."""
