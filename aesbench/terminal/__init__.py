"""What the terminal shows: a file for each thing that a command prints."""
