"""The book: one folder a chapter, each with its lesson, models, figures and exercises.

Folders named in ``COMPANION_CHAPTERS`` hold further chapters, a teacher's own.
"""

import os

for _folder in os.environ.get("COMPANION_CHAPTERS", "").split(os.pathsep):
    if _folder:
        __path__.append(os.path.abspath(_folder))
