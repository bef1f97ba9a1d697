"""Explain logs: load traces, rebuild message flows, name the root cause."""
