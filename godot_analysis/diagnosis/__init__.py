"""From flows to findings: facts about the system, rules that judge them, the root cause first."""
