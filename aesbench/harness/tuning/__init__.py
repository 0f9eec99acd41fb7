"""Equal-budget tuning: as many trials and as many seconds for every method, on validation data.

``choices`` says what of a method is tuned, ``study`` keeps the trials, ``tune`` runs them and
``winners`` is the file that ``aesbench run --tuned`` reads. The test split is never touched.
"""
