"""Days of the week as they are typed."""

from enum import StrEnum


class Weekday(StrEnum):
    """A day of the week, in the order of `week_start`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"
