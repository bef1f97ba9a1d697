"""From logs to frames: database, JSON lines and hand-written tables give the same typed log frame."""
