"""Conformance and chaos: a plan made from a seed, faults while it runs, and a checker for what is left.

    plan ──> generator (producers, admins) ──> proxy ──> the service ──> proxy ──> receiver
      └────> nemesis (kills, stops, PostgreSQL)                                       │
             history  <── everything that was asked, answered, received ──────────────┘
             settle: heals, waits until nothing moves, asks the service what it holds
             checker: nothing lost, nothing unexpected, duplicates bounded, order kept
"""
