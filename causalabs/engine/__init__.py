"""Networks, sites, bases, interchanges, fits and controls; the only part that imports torch."""
