"""The book: one folder a chapter, each with its lesson, models, figures and exercises.

Folders named in ``COMPANION_CHAPTERS`` hold further chapters, a teacher's own.
"""

import os

if _own := os.environ.get("COMPANION_CHAPTERS"):
    __path__ += [os.path.abspath(folder) for folder in _own.split(os.pathsep) if folder]
    os.environ["COMPANION_CHAPTERS"] = os.pathsep.join(__path__[1:])  # processes start elsewhere
