"""The finished dataset in other forms, each made from the packed shards alone, with the same bytes of the images."""
