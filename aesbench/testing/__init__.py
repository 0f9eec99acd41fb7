"""For authors of methods: the contract as checks, and tiny data to try a method on."""
