"""The only rooms that know collections and vendor clients."""
