"""From names to records: specs, workers, runs, resuming."""
