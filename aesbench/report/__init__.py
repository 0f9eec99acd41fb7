"""From records to tables, figures and one page. No torch."""
