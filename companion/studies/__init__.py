"""Studies: a lecture's claims, tested with seeds and error bars."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "records": ["record"],
        "results": ["Results"],
        "scheduler": ["run_study"],
        "sentences": ["number"],
        "study": ["Study"],
        "verification": ["verify"],
    },
)
