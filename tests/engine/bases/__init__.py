"""Tests of the kinds of basis."""
