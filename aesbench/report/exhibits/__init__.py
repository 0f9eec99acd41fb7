"""The benchmark's own exhibits, a module each with ``build(evidence)``."""
