"""Click logs that fit in no memory: read as a stream, counted and encoded in bounded memory."""
