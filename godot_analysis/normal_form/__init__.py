"""From frames to messages: every way of logging becomes one row per observed message."""
