"""The chapter's figures."""

from matplotlib.figure import Figure

from chapters.tides.scratch import heights


def _drawn(hours: int, title: str) -> Figure:
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    axes.plot(heights(0, hours))
    axes.set(title=title, xlabel="hour", ylabel="height")
    return figure


def one_day() -> Figure:
    """In 24 hours the water rises twice."""
    return _drawn(24, "The water rises twice a day")


def two_days() -> Figure:
    """In 48 hours high water comes 48 minutes later each day."""
    return _drawn(48, "High water comes later every day")
