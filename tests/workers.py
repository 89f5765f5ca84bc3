"""The judge's workers, counted as they start."""

from companion.checking.judging.isolation import Worker


def count_workers(monkeypatch):
    """Return a list that gains an entry with every worker that starts."""
    started = []
    begin = Worker.__post_init__

    def start(self):
        started.append(self)
        begin(self)

    monkeypatch.setattr(Worker, "__post_init__", start)
    return started
