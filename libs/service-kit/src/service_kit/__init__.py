"""The mechanisms that several Paceline services share; no word of the domain."""
