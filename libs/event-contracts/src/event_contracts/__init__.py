"""The events, topics and examples that Paceline's services share."""
