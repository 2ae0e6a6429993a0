"""Races against what others use for the same work; what each needs stands in benchmarks/README.md."""
