"""Python's collector of cycles, told to look less often: a batch makes many objects and hardly a cycle.

By its defaults it looks at every 700th new object. Where events are decoded by the million that doubles the time.
"""

import gc

THRESHOLDS = (50_000, 20, 50)


def rarely() -> None:
    """Look less often from now on."""
    gc.set_threshold(*THRESHOLDS)


def settled() -> None:
    """The same for a process that has loaded what it needs: what is there by now stays, and is not looked at again."""
    gc.collect()
    gc.freeze()
    rarely()
