"""API-Bank."""
