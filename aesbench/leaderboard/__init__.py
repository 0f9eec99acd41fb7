"""Our backbones on the splits of the public CTR leaderboard, beside its published numbers."""
