"""How many days ahead, or back, the tracker's metrics count: what an alert can ask for.

Between them there is no series, and an alert on one that is not there would never fire.
"""

DAYS = (0, 1, 3, 5, 7, 14)
"""How far ahead the ends of limits are counted, in calendar days; 0 is today."""
WORKING_DAYS = (0, 1, 3, 5, 10)
"""How far ahead the last days of requests are counted, in working days of the organ's calendar; 0 is today."""
OFFICE_DAYS = (0, 1, 3, 5, 7)
"""How far ahead the last days of steps and duties are counted, in calendar days; 0 is today."""
WAITING_DAYS = (1, 3, 7)
"""For how long a unit has not taken on what it was given, in calendar days."""
