"""What everything speaks of: allocations, specs, records, metrics, traces. No torch."""
