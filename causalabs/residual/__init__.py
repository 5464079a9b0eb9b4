"""Where a claim fails: a rule over the algorithm's own variables, found and scored apart."""
