"""The work inside an office: steps and who has them, ladders of supervision, the ledger of days. Pure.

Nothing here moves the statutory clock.
"""
