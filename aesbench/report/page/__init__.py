"""The report on disk: tables, figures, the page."""
