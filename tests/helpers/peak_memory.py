"""Peak memory of torch code, as recorded by the allocator."""

from torch.profiler import ProfilerActivity, profile


def peak_bytes(function):
    """Largest sum of bytes allocated and not yet freed within a call (on the CPU)."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        function()
    held = peak = 0
    for event in sorted(recorded.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak
