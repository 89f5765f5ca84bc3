"""Exercises: written once, checked in a box, diagnosed by the mistake that was made."""
