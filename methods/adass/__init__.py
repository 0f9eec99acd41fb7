"""AdaS&S: a one-shot supernet with adaptive sampling, searched by reinforcement learning.

Wei, Yang, Zhang, Wu, Liu, Ma: "AdaS&S: a One-Shot Supernet Approach for Automatic Embedding Size
Search in Deep Recommender System" (2024). No code of the authors is public. To read beside the
paper:

==============  =================================  =====================================
paper           what                               module
==============  =================================  =====================================
Eq. 4, 5, 6     adaptive sampling and its rivals   ``sampling``
Eq. 7           subnets: tables and transform      ``subnet`` (``aesbench.search.candidates``)
Alg. 1          training of the supernet           ``supernet``
section 3.2     subnets scored, the reward         ``scoring``, ``objective``
section 3.2     policy                             ``policy``
Eq. 8, 9        REINFORCE, competition penalty     ``rl``
--              greedy, random, evolution          ``controls``
--              the search space, budgets          ``space``
--              all of them together               ``method``
--              its tables, figures and claims     ``paper``
section 3.3     retraining                         the harness, as for every method
==============  =================================  =====================================

Where the paper is ambiguous or its letter fails, ``config`` names the choice, the letter and the
reason of the default.
"""
