"""What an author writes: an exercise with its cases, hints and known mistakes, and its proof."""
