"""Power: how often a file's own procedure says of networks that are known what is so."""
