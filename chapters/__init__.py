"""The book: one folder a chapter, each with its lesson, models, figures and exercises."""
