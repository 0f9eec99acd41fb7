"""DimGrow: embedding sizes for aesbench, as a package of its own."""
