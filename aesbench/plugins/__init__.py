"""The contracts that others write against, and how what they write is found."""
