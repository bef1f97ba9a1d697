"""The daemon: moves log records from Redis into PostgreSQL, losing none and storing none twice."""
