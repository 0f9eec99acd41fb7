"""AES methods from papers that this project reproduces as their first implementation."""
