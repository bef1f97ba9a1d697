"""The demo system: a small, real copy of the ICCM topology that shows faults truly."""
