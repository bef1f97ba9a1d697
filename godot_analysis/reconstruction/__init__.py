"""From messages to flows: hops between components, calls with their ends, losses, clocks."""
