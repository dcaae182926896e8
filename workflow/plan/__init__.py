"""The plan of a scale: which trainings and evaluations the tables need."""
