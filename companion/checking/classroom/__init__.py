"""What a class needs: hand-ins, grading, reports, an autograder, and where a learner stands."""
