"""The audit: what a finished dataset gives away besides the pictures' content.

Each module asks one question of the manifest, or of a sample of the packed images, and answers
with numbers; ``gates`` compares them with the dataset's limits.
"""
