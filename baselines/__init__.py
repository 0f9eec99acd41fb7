"""The baselines that AES methods are compared with."""
