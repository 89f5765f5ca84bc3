"""What judges: answers run by a worker that is shut in, and a judge that compares."""
